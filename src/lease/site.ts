/**
 * The customer site from which a query comes. One subscriber may have many clients; they share a site, and the limit
 * of leases applies to the site (RFC 7618 §10, ambiguity A13).
 *
 * @module
 */
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { encodeHex } from "../wire/hex.ts";
import { ipv6Octets, isLinkLocal, isUnspecified } from "../wire/ipv6-address.ts";
import { interfaceOnLinkOf, nearestLink, subscriberIdOf, uniqueInterfaceOf } from "./line.ts";

/** What can identify a customer. `source` is the prefix of the client's address, `link` its link-address. */
export type SiteIdentifier = "remote-id" | "subscriber-id" | "interface-id" | "source" | "link";

/** The settings of a domain that say what a site is. */
export interface SiteSettings {
  /** What identifies a customer, best first; null when the operator did not say. */
  readonly siteBy: readonly SiteIdentifier[] | null;
  /** Length of the IPv6 source prefix that identifies a site, in bits: 56 or 64 (A13). */
  readonly sitePrefixLength: number;
  /** Whether no two lines of the domain have the same Interface-Id. */
  readonly interfaceIdsAreUnique: boolean;
}

/** Where a query comes from. */
interface Origin {
  /** Levels of trusted relays, outermost first. */
  readonly believed: readonly RelayLevel[];
  /** IPv6 source address of the client. */
  readonly source: Uint8Array;
}

/** The order of A13, where the operator did not choose one. */
const usualOrder: readonly SiteIdentifier[] = ["remote-id", "subscriber-id", "interface-id", "source"];

/**
 * Derives the site key from the first identifier of the domain's list that the query has. Clients that nothing
 * identifies share one site for each link, so that no client escapes the limit by leaving out an identifier.
 *
 * @param line The name of the client's line (`line.ts`).
 * @returns The key, `kind:hex`, which is the same for all clients of the site.
 */
export function siteOf(origin: Origin, line: string, settings: SiteSettings): string {
  for (const identifier of settings.siteBy ?? usualOrder) {
    const site = siteBy(identifier, origin, line, settings);
    if (site !== undefined) return site;
  }
  return `unidentified:${encodeHex(nearestLink(origin.believed) ?? new Uint8Array(ipv6Octets))}`;
}

function siteBy(
  identifier: SiteIdentifier,
  { believed, source }: Origin,
  line: string,
  { siteBy: chosen, sitePrefixLength, interfaceIdsAreUnique }: SiteSettings,
): string | undefined {
  switch (identifier) {
    // The name of a line begins with what it was made of, so it need not be made again.
    case "remote-id":
      return line.startsWith("remote:") ? line : undefined;
    case "subscriber-id":
      return line.startsWith("subscriber:") ? line : subscriberIdOf(believed);
    case "interface-id":
      return interfaceIdsAreUnique ? uniqueInterfaceOf(believed) : interfaceOnLinkOf(believed);
    case "source":
      return siteOfSource(source, sitePrefixLength, chosen !== null);
    case "link": {
      const link = nearestLink(believed);
      return link && `link:${encodeHex(link)}`;
    }
  }
}

/**
 * A client chooses its link-local address, so that address does not identify a customer. Where the operator did not say
 * what does, each such client is a site of its own.
 */
function siteOfSource(source: Uint8Array, prefixLength: number, isChosen: boolean): string | undefined {
  if (isLinkLocal(source)) return isChosen ? undefined : `prefix:${encodeHex(source)}`;
  if (isChosen && isUnspecified(source)) return undefined;
  return `prefix:${encodeHex(source.subarray(0, prefixLength / 8))}`;
}
