/**
 * The answer to a query, as the rules see it: before it is octets.
 *
 * @module
 */
import { encodeRelayPathRecord } from "../wire/dhcpv6/relay-path.ts";
import { encodeHex } from "../wire/hex.ts";
import type { Claim, LeaseTerms } from "./claim.ts";
import type { Directory, Domain, Pair } from "./domain.ts";
import { evidenceOf } from "./evidence.ts";
import type { Query } from "./query.ts";
import type { Reason } from "./reasons.ts";
import { siteOf } from "./site.ts";

/** DHCP options that may go with an answer: code -> data. */
export type ConfiguredOptions = ReadonlyMap<number, Uint8Array>;

/** The answer to a query. */
export type Decision =
  | {
      readonly kind: "offer";
      readonly pair: Pair;
      readonly leaseSeconds: number;
      readonly options: ConfiguredOptions;
    }
  | {
      readonly kind: "ack";
      readonly pair: Pair;
      readonly leaseSeconds: number;
      readonly options: ConfiguredOptions;
      /** Softwire source address that the lease is bound to, for option 109. */
      readonly softwire: string | null;
      /** The answer to a DISCOVER: option 80 has to return (RFC 4039 §3.1). */
      readonly rapidCommit: boolean;
    }
  /** To a DHCPINFORM: settings, but no lease. */
  | { readonly kind: "settings"; readonly options: ConfiguredOptions }
  | { readonly kind: "nak"; readonly reason: Reason }
  | { readonly kind: "silence"; readonly reason: Reason };

/** What a decision is about. */
export interface Subject {
  readonly query: Query;
  readonly domain: Domain;
  /** The configuration that the claim was made from. */
  readonly directory: Directory;
  /** Unix seconds of the database's clock, by which the claim was judged. */
  readonly now: number;
}

/** What the first step finds: a claim to make, or a decision without one. */
export type ClaimStep = { readonly kind: "claim"; readonly claim: Claim } | Decision;

/** No answer. */
export const silence = (reason: Reason): Decision => ({ kind: "silence", reason });
/** DHCPNAK: the client has to start again. */
export const nak = (reason: Reason): Decision => ({ kind: "nak", reason });
/** The database decides. */
export const claimed = (claim: Claim): ClaimStep => ({ kind: "claim", claim });

/** Who asks: what every claim begins with. */
export function claimantOf(query: Query, domain: Domain) {
  return {
    domainId: domain.id,
    clientId: query.clientId,
    site: siteOf(query.path, domain.sitePrefixLength),
    siteLeasesMax: domain.siteLeasesMax,
  };
}

/** What a lease of this client is written with. */
export function leaseTerms(query: Query, domain: Domain): LeaseTerms {
  return {
    leaseSeconds: leaseSeconds(query, domain),
    quarantineSeconds: domain.quarantineSeconds,
    softwire: query.softwire === undefined ? null : encodeHex(query.softwire),
    softwireIntervalSeconds: domain.softwire.updateIntervalSeconds,
    source: encodeHex(query.source),
    relayPath: encodeHex(encodeRelayPathRecord(evidenceOf(query.path))),
  };
}

/** The pair that a message names: an address, and the port set of option 159. */
export function namedPair(query: Query, address: number): Pair {
  return query.portParams === undefined ? { address } : { address, portSet: query.portParams };
}

/** Option 51 within the domain's bounds, else the domain's usual time (RFC 2131 §4.3.1). */
export function leaseSeconds(query: Query, domain: Domain): number {
  const { default: usual, min, max } = domain.leaseSeconds;
  return query.leaseSeconds === undefined ? usual : Math.min(max, Math.max(min, query.leaseSeconds));
}

/** A domain without full addresses does not see clients that can't share one (R7618-8.1-03, A1). */
export function mayBeServed(query: Query, domain: Domain): boolean {
  return query.sharesPorts || domain.fullPools.length > 0;
}

/** Option 54 of another server: the message is for that one. */
export function isForAnotherServer(query: Query, domain: Domain): boolean {
  return query.serverIdentifier !== undefined && query.serverIdentifier !== domain.serverIdentifier;
}
