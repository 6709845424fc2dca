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
  const octets = new Uint8Array(ipv6Octets);
  if (!readGroups(withHexGroups(text), octets)) {
    throw new SyntaxError(`Cannot parse IPv6 address: found "${text}", expected the form 2001:db8::1`);
  }
  return octets;
}

const colon = 0x3a;

/**
 * Reads groups character by character: relays parse the source of each datagram, and arrays of groups take ten times
 * as long.
 *
 * @param octets 16 octets, which it fills.
 * @returns Whether the text is an address.
 */
function readGroups(text: string, octets: Uint8Array): boolean {
  const { length } = text;
  let groups = 0;
  /** Groups before `::`; -1 without one. */
  let gap = -1;
  let at = 0;
  if (text.startsWith("::")) {
    gap = 0;
    at = 2;
  }
  while (at < length) {
    let [group, digits] = [0, 0];
    for (; at < length && text.charCodeAt(at) !== colon; at++, digits++) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) return false;
      group = group * 16 + digit;
    }
    if (digits === 0 || digits > 4 || groups === 8) return false;
    octets[2 * groups] = group >> 8;
    octets[2 * groups + 1] = group & 255;
    groups++;
    if (at === length) break;
    at++;
    if (at === length) return false;
    if (text.charCodeAt(at) !== colon) continue;
    if (gap >= 0) return false;
    gap = groups;
    at++;
  }
  if (gap < 0) return groups === 8;
  if (groups === 8) return false;
  const tail = ipv6Octets - 2 * (groups - gap);
  octets.copyWithin(tail, 2 * gap, 2 * groups);
  octets.fill(0, 2 * gap, tail);
  return true;
}

/** @returns The value of a hexadecimal digit; -1 for any other character. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = (code | 0x20) - 0x61;
  return letter >= 0 && letter <= 5 ? letter + 10 : -1;
}

/** Rewrites an IPv4 address at the end of the text as two hexadecimal groups. */
function withHexGroups(text: string): string {
  const last = text.lastIndexOf(":");
  if (last < 0 || !text.includes(".", last)) return text;
  try {
    const address = parseIPv4(text.slice(last + 1));
    return `${text.slice(0, last + 1)}${(address >>> 16).toString(16)}:${(address & 0xffff).toString(16)}`;
  } catch {
    return text;
  }
}

/**
 * Formats an IPv6 address as RFC 5952 requires.
 *
 * @param octets 16 octets.
 * @returns The text: lower case, no leading zeros, the longest run of zero groups as `::`.
 */
export function formatIPv6(octets: Uint8Array): string {
  // No run yet. A run has to be longer than one group, because a single zero group is not shortened.
  let [start, end] = [8, 9];
  for (let first = 0; first < 8; first++) {
    let next = first;
    while (next < 8 && groupAt(octets, next) === 0) next++;
    if (next - first > Math.max(1, end - start)) [start, end] = [first, next];
    first = next;
  }
  let text = "";
  for (let index = 0; index < 8; index++) {
    if (index === start) {
      text += "::";
      index = end - 1;
      continue;
    }
    if (index > 0 && index !== end) text += ":";
    text += groupAt(octets, index).toString(16);
  }
  return text;
}

const groupAt = (octets: Uint8Array, index: number): number =>
  (octets[2 * index]! << 8) | octets[2 * index + 1]!;

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
