/**
 * IPv4 addresses as unsigned 32-bit integers, so that ranges are plain arithmetic.
 *
 * @module
 */

/**
 * Parses an IPv4 address.
 *
 * @param text Four decimal numbers separated by dots.
 * @returns The address, as an unsigned 32-bit integer.
 * @throws {SyntaxError} When the text has another form. Leading zeros are refused, because some parsers read them as
 *   octal.
 */
export function parseIPv4(text: string): number {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const parts = match?.slice(1) ?? [];
  if (
    parts.length !== 4 ||
    parts.some((part) => Number(part) > 255 || (part.length > 1 && part.startsWith("0")))
  ) {
    throw new SyntaxError(`Cannot parse IPv4 address: found "${text}", expected the form 192.0.2.1`);
  }
  return parts.reduce((address, part) => address * 256 + Number(part), 0);
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
  const [, addressText, lengthText] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const length = Number(lengthText);
  if (addressText === undefined || length > 32) {
    throw new SyntaxError(`Cannot parse IPv4 prefix: found "${text}", expected the form 192.0.2.0/24`);
  }
  const address = parseIPv4(addressText);
  const host = address % 2 ** (32 - length);
  if (host !== 0) {
    throw new RangeError(
      `Cannot parse IPv4 prefix: "${text}" has host bits, expected ${formatIPv4(address - host)}/${length}`,
    );
  }
  return { address, length };
}
