/**
 * Numbers as text: in query strings, headers, flags, variables, and inside other texts such as prefixes.
 *
 * There is one way to write each number. `Number()` would also read `0x10`, `1e3`, ` 7 ` and an empty text.
 *
 * @module
 */
import { unparsedCharactersMax } from "../limits.ts";

/**
 * Parses a whole number.
 *
 * @param text Decimal digits without leading zeros, after a minus sign if the number is negative.
 * @param min Smallest number that is accepted.
 * @param max Largest number that is accepted, at most 2^53 - 1.
 * @param unit What the number counts, for the message of an error: `seconds`.
 * @returns The number.
 * @throws {SyntaxError} When the text has another form, or the number is out of range.
 */
export function parseWholeNumber(text: string, min: number, max: number, unit?: string): number {
  const number = /^(0|-?[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw notANumber(text, `${min} to ${max}${unit === undefined ? "" : ` ${unit}`}`);
}

/**
 * Parses a number that may have decimals.
 *
 * @param text Decimal digits without leading zeros, and optionally a point and at most nine decimals.
 * @param min Smallest number that is accepted, at least 0.
 * @param max Largest number that is accepted.
 * @returns The number.
 * @throws {SyntaxError} When the text has another form, or the number is out of range.
 */
export function parseDecimalNumber(text: string, min: number, max: number): number {
  const number = /^(0|[1-9]\d{0,14})(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw notANumber(text, `a number from ${min} to ${max}`);
}

function notANumber(text: string, expected: string): SyntaxError {
  return new SyntaxError(
    `Cannot parse number: found "${text.slice(0, unparsedCharactersMax)}", expected ${expected}`,
  );
}
