/**
 * Dates as RFC 3339 text. The database stores Unix seconds.
 *
 * @module
 */
import { unparsedCharactersMax } from "../limits.ts";

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

/** Last millisecond of the year 9999, the latest that RFC 3339 can express. */
const millisecondsMax = 253_402_300_799_999;

/** Date, time, fraction, and offset or `Z` (RFC 3339 §5.6). Hours, minutes, seconds and offsets are in range here. */
const form =
  /^(\d{4})-(\d\d)-(\d\d)T((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(\.\d{1,9})?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

/**
 * Parses a date with a time zone.
 *
 * `Date.parse` alone would read the 30th of February as the 2nd of March, and 24:00 as the next day. A leap second
 * (`:60`) is refused: Unix time has no number for it.
 *
 * @param text RFC 3339. The fraction of a second is optional.
 * @returns Unix seconds, rounded down.
 * @throws {SyntaxError} When the text is not a date that exists, or the date is outside 1970 to 9999.
 */
export function parseDate(text: string): number {
  return Math.floor(parseDateMs(text) / 1000);
}

/**
 * Parses a date as {@link parseDate} does.
 *
 * @returns Milliseconds of Unix time, rounded down.
 * @throws {SyntaxError} As {@link parseDate}.
 */
export function parseDateMs(text: string): number {
  const [, year, month, day, time, fraction = "", zone] = form.exec(text) ?? [];
  if (zone !== undefined && isDay(Number(year), Number(month), Number(day))) {
    const milliseconds = Date.parse(
      `${year}-${month}-${day}T${time}${fraction.slice(0, 4)}${zone.toUpperCase()}`,
    );
    if (milliseconds >= 0 && milliseconds <= millisecondsMax) return milliseconds;
  }
  throw new SyntaxError(
    `Cannot parse date: found "${text.slice(0, unparsedCharactersMax)}", expected a date such as 2026-11-24T13:57:37Z`,
  );
}

/** @returns Whether the calendar has this day. */
function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
