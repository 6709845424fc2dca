/**
 * Which addresses can be the customer's end of a softwire (option 109, RFC 8539). What is stored with a lease goes into
 * the binding table of the lwAFTR, so an address that cannot be a tunnel's end is not stored.
 *
 * @module
 */
import { groupBy } from "../group-by.ts";
import type { IPv6Prefix } from "../wire/ipv6-address.ts";
import { isLinkLocal, isMulticast, parseIPv6Prefix, prefixContains } from "../wire/ipv6-address.ts";
import { encodeHex } from "../wire/hex.ts";

/** Looks up whether an address is a border relay's own. */
export interface BorderRelays {
  /** @param address 16 octets, in hexadecimal as `encodeHex` writes them. */
  readonly has: (address: string) => boolean;
}

/** The settings of a domain that determine which softwire addresses its clients may have. */
export interface SoftwireSettings {
  /** Addresses of the lwAFTR or BR of this domain. */
  readonly borderRelays: readonly Uint8Array[];
  /** The border relays of all domains that the allocator knows: a customer must not take over another domain's. */
  readonly knownBorderRelays: BorderRelays;
  /** Prefix from which clients choose their softwire address; null if the domain sends none. */
  readonly bindPrefix: IPv6Prefix | null;
  /** Whether addresses outside `bindPrefix` are forbidden. */
  readonly bindPrefixOnly: boolean;
}

/** Prefixes whose addresses are no interface's own, or that a network translates or discards. */
const impossible = [
  // IPv4-mapped and IPv4-translated (RFC 4291 §2.5.5, RFC 2765 §2.1).
  "::ffff:0:0/96",
  "::ffff:0:0:0/96",
  // IPv4-compatible (RFC 4291 §2.5.5), with `::` and `::1`.
  "::/96",
  // NAT64 (RFC 6052, RFC 8215).
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  // 6to4 and Teredo (RFC 3056, RFC 4380): tunnels through IPv4, which the softwire is to provide.
  "2002::/16",
  "2001::/32",
  // Discard-only (RFC 6666).
  "100::/64",
  // Site-local (RFC 3879).
  "fec0::/10",
].map(parseIPv6Prefix);

/** The same by their first octet, which all of them determine, because every message with option 109 is compared. */
const impossibleByFirstOctet = groupBy(impossible, ({ address }) => address[0]!);

function isImpossible(address: Uint8Array): boolean {
  const prefixes = impossibleByFirstOctet.get(address[0]!);
  return prefixes?.some((prefix) => prefixContains(prefix, address)) ?? false;
}

/**
 * Checks whether an address may not be the softwire address of a client. Unique local addresses are allowed.
 *
 * @param address 16 octets.
 * @returns Whether it is unspecified, loopback, multicast, link-local, site-local, made from an IPv4 address (mapped,
 *   translated, compatible, NAT64, 6to4 or Teredo), discarded everywhere, a border relay's own in whichever domain, or
 *   outside the prefix that the domain insists on.
 */
export function isForbiddenSoftwire(
  address: Uint8Array,
  { knownBorderRelays, bindPrefix, bindPrefixOnly }: SoftwireSettings,
): boolean {
  return (
    isMulticast(address) ||
    isLinkLocal(address) ||
    isImpossible(address) ||
    knownBorderRelays.has(encodeHex(address)) ||
    (bindPrefixOnly && bindPrefix !== null && !prefixContains(bindPrefix, address))
  );
}
