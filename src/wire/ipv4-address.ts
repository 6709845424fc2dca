/**
 * IPv4 addresses: unsigned 32-bit integers, so that ranges are arithmetic.
 *
 * @module
 */

/**
 * @param text Four decimal numbers with dots between them.
 * @throws {SyntaxError} When it is anything else; leading zeros are refused, because some read them as octal.
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

/** @returns Four decimal numbers with dots between them. */
export function formatIPv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** All addresses that begin with the same bits. */
interface IPv4Prefix {
  readonly address: number;
  /** In bits: 0..32. */
  readonly length: number;
}

/**
 * @param text `address/length`.
 * @throws {SyntaxError} When it is no prefix.
 * @throws {RangeError} When bits after the prefix are set.
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
