/**
 * The customer site from which a query comes. One subscriber may have many clients; they share a site, and the limit
 * of leases applies to the site (RFC 7618 §10, ambiguity A13).
 *
 * @module
 */
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { findOption6 } from "../wire/dhcpv6/options.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { encodeHex } from "../wire/hex.ts";
import { isLinkLocal } from "../wire/ipv6-address.ts";
import { siteIdentifierOctetsMax } from "../limits.ts";

/**
 * Derives the site key from the first of these that the query has: remote-id, subscriber-id, Interface-Id with its
 * link-address, and otherwise the prefix of the client's source address.
 *
 * @param path Relay path, outermost level first. The outermost level is our own relay, whose Interface-Id identifies a
 *   listener and not a customer.
 * @param prefixLength Length of the prefix that a site has, in bits: 56 or 64. A link-local address does not identify
 *   a site, so each client with such an address is a site of its own.
 * @returns The key, `kind:hex`, which is the same for all clients of the site.
 */
export function siteOf(path: readonly RelayLevel[], prefixLength: number): string {
  const downstream = path.slice(1).reverse();
  const remoteId = findInnermost(downstream, OptionCode6.remoteId);
  if (remoteId !== undefined) return `remote:${encodeHex(remoteId.value)}`;
  const subscriberId = findInnermost(downstream, OptionCode6.subscriberId);
  if (subscriberId !== undefined) return `subscriber:${encodeHex(subscriberId.value)}`;
  const interfaceId = findInnermost(downstream, OptionCode6.interfaceId);
  if (interfaceId !== undefined) {
    return `interface:${encodeHex(interfaceId.level.linkAddress)}:${encodeHex(interfaceId.value)}`;
  }
  const source = path.at(-1)?.peerAddress ?? new Uint8Array(16);
  return `prefix:${encodeHex(isLinkLocal(source) ? source : source.subarray(0, prefixLength / 8))}`;
}

function findInnermost(
  levels: readonly RelayLevel[],
  code: number,
): { readonly level: RelayLevel; readonly value: Uint8Array } | undefined {
  for (const level of levels) {
    const value = findOption6(level.options, code);
    if (value !== undefined && value.length > 0 && value.length <= siteIdentifierOctetsMax) {
      return { level, value };
    }
  }
  return undefined;
}
