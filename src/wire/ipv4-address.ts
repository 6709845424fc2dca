/**
 * IPv4 addresses as unsigned 32-bit integers, so that ranges are plain arithmetic.
 *
 * @module
 */
import { parseWholeNumber } from "./number.ts";

/**
 * Parses an IPv4 address.
 *
 * @param text Four decimal numbers separated by dots.
 * @returns The address, as an unsigned 32-bit integer.
 * @throws {SyntaxError} When the text has another form. Leading zeros are refused, because some parsers read them as
 *   octal.
 */
export function parseIPv4(text: string): number {
  const parts = text.split(".");
  try {
    if (parts.length === 4) {
      return parts.reduce((address, part) => address * 256 + parseWholeNumber(part, 0, 255), 0);
    }
  } catch {
    // One of the parts is no octet. The message below shows the whole address.
  }
  throw new SyntaxError(`Cannot parse IPv4 address: found "${text}", expected the form 192.0.2.1`);
}

/**
 * Formats an IPv4 address.
 *
 * @param address Unsigned 32-bit integer.
 * @returns Four decimal numbers separated by dots.
 */
export function formatIPv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** All addresses that start with the same bits. */
interface IPv4Prefix {
  readonly address: number;
  /** In bits: 0..32. */
  readonly length: number;
}

/**
 * Parses an IPv4 prefix.
 *
 * @param text `address/length`.
 * @returns The prefix.
 * @throws {SyntaxError} When the text is not a prefix.
 * @throws {RangeError} When host bits are set.
 */
export function parseIPv4Prefix(text: string): IPv4Prefix {
  const [addressText, lengthText, ...more] = text.split("/");
  const length = lengthText === undefined || more.length > 0 ? undefined : parseLength(lengthText);
  if (length === undefined) {
    throw new SyntaxError(`Cannot parse IPv4 prefix: found "${text}", expected the form 192.0.2.0/24`);
  }
  const address = parseIPv4(addressText!);
  const host = address % 2 ** (32 - length);
  if (host !== 0) {
    throw new RangeError(
      `Cannot parse IPv4 prefix: "${text}" has host bits, expected ${formatIPv4(address - host)}/${length}`,
    );
  }
  return { address, length };
}

/** Leading zeros are accepted, as databases of earlier releases may have them: nobody reads a length as octal. */
function parseLength(text: string): number | undefined {
  try {
    return parseWholeNumber(text.replace(/^0{1,2}(?=\d)/, ""), 0, 32);
  } catch {
    return undefined;
  }
}

/**
 * Formats an IPv4 prefix.
 *
 * @returns `address/length`.
 */
export function formatIPv4Prefix({ address, length }: IPv4Prefix): string {
  return `${formatIPv4(address)}/${length}`;
}
