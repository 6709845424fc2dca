/**
 * Decisions: the answer to a query before it is encoded.
 *
 * @module
 */
import { encodeRelayPathRecord } from "../wire/dhcpv6/relay-path.ts";
import { decodeHex, encodeHex } from "../wire/hex.ts";
import type { Claim, HeldPair, LeaseTerms } from "./claim.ts";
import { findAddressPool } from "./domain.ts";
import type { Directory, Domain, Pair, Pool } from "./domain.ts";
import { evidenceOf } from "./evidence.ts";
import { lineOf } from "./line.ts";
import type { Query } from "./query.ts";
import type { Reason } from "./reasons.ts";
import { siteOf } from "./site.ts";
import { isForbiddenSoftwire } from "./softwire.ts";

/** DHCP options that an answer may contain: code -> data. */
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
      /** Whether this answers a DISCOVER, so that it must contain option 80 (RFC 4039 §3.1). */
      readonly rapidCommit: boolean;
    }
  /** The answer to a DHCPINFORM: settings, but no lease. */
  | { readonly kind: "settings"; readonly options: ConfiguredOptions }
  | { readonly kind: "nak"; readonly reason: Reason }
  | { readonly kind: "silence"; readonly reason: Reason };

/** The query that a decision answers, and the state in which its claim was made and judged. */
export interface Subject {
  readonly query: Query;
  readonly domain: Domain;
  /** The configuration that the claim was made from. */
  readonly directory: Directory;
  /** Time at which the claim was judged, in Unix seconds of the database's clock, rounded up. */
  readonly now: number;
}

/** Result of the first step: a claim for the store, or a decision that needs no claim. */
export type ClaimStep = { readonly kind: "claim"; readonly claim: Claim } | Decision;

/** The client gets no answer. */
export const silence = (reason: Reason): Decision => ({ kind: "silence", reason });
/** The client gets a DHCPNAK and has to start over. */
export const nak = (reason: Reason): Decision => ({ kind: "nak", reason });
/** The store has to process this claim before an answer can be decided. */
export const claimed = (claim: Claim): ClaimStep => ({ kind: "claim", claim });

/**
 * Derives the fields that all claims have. A claim names each of them, because spreading an object makes every further
 * field of a literal ten times as expensive.
 *
 * @returns The client, its line, its site and the limit of the site.
 */
export function claimantOf(query: Query, domain: Domain) {
  const line = lineOf(query.believed, domain.interfaceIdsAreUnique);
  return {
    domainId: domain.id,
    clientId: query.clientId,
    line,
    site: siteOf(query, line, domain),
    siteLeasesMax: domain.siteLeasesMax,
  };
}

/**
 * Derives the values with which a lease of this client is stored.
 *
 * @returns The terms of the lease.
 */
export function leaseTerms(query: Query, domain: Domain): LeaseTerms {
  const { softwire } = query;
  const softwireForbidden = softwire !== undefined && isForbiddenSoftwire(softwire, domain.softwire);
  return {
    leaseSeconds: leaseSeconds(query, domain),
    quarantineSeconds: domain.quarantineSeconds,
    softwire: softwire === undefined || softwireForbidden ? null : encodeHex(softwire),
    softwireForbidden,
    softwireIntervalSeconds: domain.softwire.updateIntervalSeconds,
    source: query.source,
    relayPath: encodeRelayPathRecord(evidenceOf(query.believed)),
  };
}

/**
 * Builds the pair that a message names. A full address has no port set, so option 159 says nothing about it: some
 * clients send the same size hint in each message, also with the full address that they were offered (RFC 7618 §8.1).
 *
 * @param query Its option 159 gives the port set.
 * @param domain The domain that serves the client.
 * @param address IPv4 address, as an unsigned 32-bit integer.
 * @returns The address, with the port set if the message has one and the address is not a full one.
 */
export function namedPair({ portParams }: Query, { fullPools }: Domain, address: number): Pair {
  if (portParams === undefined || findAddressPool(fullPools, address) !== undefined) return { address };
  return { address, portSet: portParams };
}

/**
 * Chooses the duration of a lease (RFC 2131 §4.3.1).
 *
 * @returns Option 51 within the domain's bounds, or the domain's default; in seconds.
 */
export function leaseSeconds(query: Query, domain: Domain): number {
  const { default: standard, min, max } = domain.leaseSeconds;
  return query.leaseSeconds === undefined ? standard : Math.min(max, Math.max(min, query.leaseSeconds));
}

/**
 * Limits a time to the drain date of a pool.
 *
 * @param now Unix seconds, rounded up.
 * @returns Seconds.
 */
export function secondsBeforeDrain(seconds: number, { drainUntil }: Pool, now: number): number {
  return drainUntil === null ? seconds : Math.min(seconds, drainUntil - now);
}

/**
 * Returns the terms that the answer for a running lease states. The time is what is granted now. The row may end later:
 * it keeps the latest end that the client may have been told, and a clock that was set back may leave an end far in the
 * future.
 *
 * @param held The row of the lease, after the claim.
 * @param terms The terms that the client requested.
 * @param place Where the pair is, and the time.
 * @returns Seconds of the lease, and its softwire address. An address that was stored before it was forbidden is omitted
 *   if the client requests a forbidden one.
 */
export function runningTerms(
  { remainingSeconds, statedSeconds, softwire }: HeldPair,
  { leaseSeconds: granted, softwireForbidden }: LeaseTerms,
  { domain, pool, now }: { readonly domain: Domain; readonly pool: Pool; readonly now: number },
): { readonly leaseSeconds: number; readonly softwire: string | null } {
  const isUsable =
    !softwireForbidden || softwire === null || !isForbiddenSoftwire(decodeHex(softwire), domain.softwire);
  return {
    leaseSeconds: secondsBeforeDrain(Math.min(remainingSeconds, statedSeconds ?? granted), pool, now),
    softwire: isUsable ? softwire : null,
  };
}

/**
 * Checks whether a domain can serve a client. A domain without full addresses ignores clients that cannot share an
 * address (R7618-8.1-03, A1).
 *
 * @returns Whether the domain has a pool for this kind of client.
 */
export function canBeServed(query: Query, domain: Domain): boolean {
  return query.sharesPorts || domain.fullPools.length > 0;
}

/**
 * Checks whether a client may get a shared address: it lists option 159, and the domain has shared pools and does not
 * ignore that option (R7618-8.1-04).
 *
 * @returns Whether new leases of this client may be shared addresses.
 */
export function mayShare({ sharesPorts }: Query, { ignoresOption159, sharedPools }: Domain): boolean {
  return sharesPorts && !ignoresOption159 && sharedPools.length > 0;
}

/**
 * Checks whether a message is meant for another server.
 *
 * @returns Whether option 54 names another server.
 */
export function isForAnotherServer(query: Query, domain: Domain): boolean {
  return query.serverIdentifier !== undefined && query.serverIdentifier !== domain.serverIdentifier;
}
