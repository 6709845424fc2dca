/**
 * Dates as RFC 3339 text; the database has Unix seconds.
 *
 * @module
 */
import * as v from "valibot";
import { unparsedCharactersMax } from "../limits.ts";
import { textOf } from "./schema-parts.ts";

/** @returns `2026-11-24T13:57:37Z`. */
export function formatDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/** @returns The same of what may be missing. */
export function formatDateOrNull(seconds: number | null): string | null {
  return seconds === null ? null : formatDate(seconds);
}

/** Last second of the year 9999: RFC 3339 has no later one. */
const secondsMax = 253_402_300_799;

/**
 * Parses a date with its zone, to the second.
 *
 * @returns Unix seconds.
 * @throws {SyntaxError} When it is no date, or outside 1970 to 9999.
 */
export function parseDate(text: string): number {
  const isDate = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i.test(text);
  const seconds = isDate ? Math.floor(Date.parse(text.toUpperCase()) / 1000) : Number.NaN;
  if (seconds >= 0 && seconds <= secondsMax) return seconds;
  throw new SyntaxError(
    `Cannot parse date: found "${text.slice(0, unparsedCharactersMax)}", expected one such as 2026-11-24T13:57:37Z`,
  );
}

/** A date in a request; it stays text, so that the document shows it as such. */
export const dateSchema = v.pipe(textOf(parseDate), v.description("RFC 3339, with a zone."));
