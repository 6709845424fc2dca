/**
 * Dates as RFC 3339 text. The database stores Unix seconds.
 *
 * @module
 */
import * as v from "valibot";
import { unparsedCharactersMax } from "../limits.ts";
import { textOf } from "./schema-parts.ts";

/**
 * Formats a date.
 *
 * @param seconds Unix seconds, an integer.
 * @returns The date in UTC: `2026-11-24T13:57:37Z`.
 */
export function formatDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/**
 * Formats a date that may be absent.
 *
 * @param seconds Unix seconds, an integer, or null.
 * @returns The date as {@link formatDate} writes it, or null.
 */
export function formatDateOrNull(seconds: number | null): string | null {
  return seconds === null ? null : formatDate(seconds);
}

/** Last second of the year 9999, the latest that RFC 3339 can express. */
const secondsMax = 253_402_300_799;

/**
 * Parses a date with a time zone.
 *
 * @param text RFC 3339.
 * @returns Unix seconds, rounded down.
 * @throws {SyntaxError} When the text is not a date, or the date is outside 1970 to 9999.
 */
export function parseDate(text: string): number {
  const isDate = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i.test(text);
  const seconds = isDate ? Math.floor(Date.parse(text.toUpperCase()) / 1000) : Number.NaN;
  if (seconds >= 0 && seconds <= secondsMax) return seconds;
  throw new SyntaxError(
    `Cannot parse date: found "${text.slice(0, unparsedCharactersMax)}", expected a date such as 2026-11-24T13:57:37Z`,
  );
}

/** Schema of a date in a request. The value stays text, so that the OpenAPI document describes it as text. */
export const dateSchema = v.pipe(textOf(parseDate), v.description("RFC 3339 date with a time zone."));
