/**
 * Which addresses can be the customer's end of a softwire (option 109, RFC 8539). What is stored with a lease goes into
 * the binding table of the lwAFTR, so an address that cannot be a tunnel's end is not stored.
 *
 * @module
 */
import type { IPv6Prefix } from "../wire/ipv6-address.ts";
import { isLinkLocal, isMulticast, parseIPv6Prefix, prefixContains } from "../wire/ipv6-address.ts";
import { equalOctets } from "../wire/hex.ts";

/** The settings of a domain that determine which softwire addresses its clients may have. */
export interface SoftwireSettings {
  /** Addresses of the lwAFTR or BR. */
  readonly borderRelays: readonly Uint8Array[];
  /** Prefix from which clients choose their softwire address; null if the domain sends none. */
  readonly bindPrefix: IPv6Prefix | null;
  /** Whether addresses outside `bindPrefix` are forbidden. */
  readonly bindPrefixOnly: boolean;
}

/**
 * IPv4-mapped, IPv4-translated and IPv4-compatible addresses (RFC 4291 §2.5.5, RFC 2765 §2.1). The last of them include
 * `::` and `::1`.
 */
const embeddedIPv4 = ["::ffff:0:0/96", "::ffff:0:0:0/96", "::/96"].map(parseIPv6Prefix);

/**
 * Checks whether an address may not be the softwire address of a client. Unique local addresses are allowed.
 *
 * @param address 16 octets.
 * @returns Whether it is unspecified, loopback, multicast, link-local, made from an IPv4 address, a border relay's own,
 *   or outside the prefix that the domain insists on.
 */
export function isForbiddenSoftwire(
  address: Uint8Array,
  { borderRelays, bindPrefix, bindPrefixOnly }: SoftwireSettings,
): boolean {
  return (
    isMulticast(address) ||
    isLinkLocal(address) ||
    embeddedIPv4.some((prefix) => prefixContains(prefix, address)) ||
    borderRelays.some((borderRelay) => equalOctets(borderRelay, address)) ||
    (bindPrefixOnly && bindPrefix !== null && !prefixContains(bindPrefix, address))
  );
}
