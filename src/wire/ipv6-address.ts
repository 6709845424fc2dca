/**
 * IPv6 addresses (16 octets) and prefixes.
 *
 * @module
 */
import { parseIPv4 } from "./ipv4-address.ts";
import { parseWholeNumber } from "./number.ts";

/** Length of an address in octets. */
export const ipv6Octets = 16;

/** All addresses that start with the same bits. */
export interface IPv6Prefix {
  /** 16 octets; the bits after the prefix are zero. */
  readonly address: Uint8Array;
  /** In bits: 0..128. */
  readonly length: number;
}

/**
 * Parses an IPv6 address.
 *
 * @param text Any form of RFC 4291 §2.2, without a zone.
 * @returns The address: 16 octets.
 * @throws {SyntaxError} When the text is not an address.
 */
export function parseIPv6(text: string): Uint8Array {
  const halves = withHexGroups(text).split("::");
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":").map(parseGroup)));
  const zeros = 8 - head!.length - (tail?.length ?? 0);
  const groups = [...head!, ...new Array<number>(Math.max(0, zeros)).fill(0), ...(tail ?? [])];
  const isComplete = tail === undefined ? zeros === 0 : zeros > 0;
  if (halves.length > 2 || !isComplete || groups.includes(NaN)) {
    throw new SyntaxError(`Cannot parse IPv6 address: found "${text}", expected the form 2001:db8::1`);
  }
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
}

/** Rewrites an IPv4 address at the end of the text as two hexadecimal groups. */
function withHexGroups(text: string): string {
  const colon = text.lastIndexOf(":");
  if (colon < 0 || !text.includes(".", colon)) return text;
  try {
    const address = parseIPv4(text.slice(colon + 1));
    return `${text.slice(0, colon + 1)}${(address >>> 16).toString(16)}:${(address & 0xffff).toString(16)}`;
  } catch {
    return text;
  }
}

function parseGroup(text: string): number {
  return /^[0-9a-f]{1,4}$/i.test(text) ? Number.parseInt(text, 16) : NaN;
}

/**
 * Formats an IPv6 address as RFC 5952 requires.
 *
 * @param octets 16 octets.
 * @returns The text: lower case, no leading zeros, the longest run of zero groups as `::`.
 */
export function formatIPv6(octets: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((octets[index * 2]! << 8) | octets[index * 2 + 1]!).toString(16),
  );
  let longest = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > longest.length) longest = { start, length };
  }
  if (longest.length === 1) return groups.join(":");
  return `${groups.slice(0, longest.start).join(":")}::${groups.slice(longest.start + longest.length).join(":")}`;
}

/**
 * Checks for the unspecified address.
 *
 * @param octets 16 octets.
 * @returns Whether the address is `::`.
 */
export function isUnspecified(octets: Uint8Array): boolean {
  for (const octet of octets) if (octet !== 0) return false;
  return true;
}

/**
 * Checks for a link-local address.
 *
 * @param octets 16 octets.
 * @returns Whether the address is in fe80::/10.
 */
export function isLinkLocal(octets: Uint8Array): boolean {
  return octets[0] === 0xfe && (octets[1]! & 0xc0) === 0x80;
}

/**
 * Checks for an address that stands for an IPv4 address.
 *
 * @param octets 16 octets.
 * @returns Whether the address is in ::ffff:0:0/96 (RFC 4291 §2.5.5.2).
 */
export function isMapped(octets: Uint8Array): boolean {
  return octets.every((octet, index) => index >= 12 || octet === (index < 10 ? 0 : 0xff));
}

/**
 * Checks for an address that was meant to stand for an IPv4 address.
 *
 * @param octets 16 octets.
 * @returns Whether the address is in ::/96 (RFC 4291 §2.5.5.1).
 */
export function isIPv4Compatible(octets: Uint8Array): boolean {
  return octets.every((octet, index) => index >= 12 || octet === 0);
}

/**
 * Checks for a site-local address.
 *
 * @param octets 16 octets.
 * @returns Whether the address is in fec0::/10 (RFC 4291 §2.5.7).
 */
export function isSiteLocal(octets: Uint8Array): boolean {
  return octets[0] === 0xfe && (octets[1]! & 0xc0) === 0xc0;
}

/**
 * Checks for the loopback address.
 *
 * @param octets 16 octets.
 * @returns Whether the address is `::1`.
 */
export function isLoopback(octets: Uint8Array): boolean {
  return octets.every((octet, index) => octet === (index < 15 ? 0 : 1));
}

/**
 * Checks for a multicast address.
 *
 * @param octets 16 octets.
 * @returns Whether the address is in ff00::/8.
 */
export function isMulticast(octets: Uint8Array): boolean {
  return octets[0] === 0xff;
}

/**
 * Parses an IPv6 prefix.
 *
 * @param text `address/length`.
 * @returns The prefix.
 * @throws {SyntaxError} When the text is not a prefix.
 * @throws {RangeError} When host bits are set.
 */
export function parseIPv6Prefix(text: string): IPv6Prefix {
  const [addressText, lengthText, ...more] = text.split("/");
  const length = lengthText === undefined || more.length > 0 ? undefined : parseLength(lengthText);
  if (length === undefined) {
    throw new SyntaxError(`Cannot parse IPv6 prefix: found "${text}", expected the form 2001:db8::/32`);
  }
  const address = parseIPv6(addressText!);
  const network = maskIPv6(address, length);
  if (address.some((octet, index) => octet !== network[index])) {
    throw new RangeError(
      `Cannot parse IPv6 prefix: "${text}" has host bits, expected ${formatIPv6(network)}/${length}`,
    );
  }
  return { address, length };
}

/** Leading zeros are accepted, as databases of earlier releases may have them: nobody reads a length as octal. */
function parseLength(text: string): number | undefined {
  try {
    return parseWholeNumber(text.replace(/^0{1,2}(?=\d)/, ""), 0, 128);
  } catch {
    return undefined;
  }
}

/**
 * Formats an IPv6 prefix.
 *
 * @returns `address/length`, with the address as {@link formatIPv6} writes it.
 */
export function formatIPv6Prefix(prefix: IPv6Prefix): string {
  return `${formatIPv6(prefix.address)}/${prefix.length}`;
}

/**
 * Clears the bits of an address after a prefix.
 *
 * @param address 16 octets.
 * @param length Number of bits to keep, 0..128.
 * @returns A copy of the address with all later bits cleared.
 */
export function maskIPv6(address: Uint8Array, length: number): Uint8Array {
  return address.map((octet, index) => octet & (0xff00 >> Math.min(8, Math.max(0, length - index * 8))));
}

/**
 * Checks whether a prefix contains an address.
 *
 * @param address 16 octets.
 * @returns Whether the address starts with the bits of the prefix.
 */
export function prefixContains({ address: network, length }: IPv6Prefix, address: Uint8Array): boolean {
  const whole = length >> 3;
  for (let index = 0; index < whole; index++) if (network[index] !== address[index]) return false;
  const rest = length & 7;
  return rest === 0 || (network[whole]! ^ address[whole]!) >> (8 - rest) === 0;
}
