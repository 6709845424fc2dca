/**
 * Which customer site does a query come from? One subscriber may have many clients; the site is what they share,
 * and what a limit of leases counts (RFC 7618 §10, ambiguity A13).
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
 * Derives the site key: the first of remote-id, subscriber-id, link-address with Interface-Id, and the /56 of the
 * client's source address that is there.
 *
 * @param path Relay path, outermost first. The outermost level is our own relay's, whose Interface-Id names a
 *   listener and not a customer.
 * @param prefixLength Bits of a client's address that its site has: 56 or 64. A link-local address says nothing of a
 *   site, so there each client is one.
 * @returns A text that equals that of every other client of the site: `kind:hex`.
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
