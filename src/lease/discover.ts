/**
 * DHCPDISCOVER: which pair should this client be offered? RFC 2131 §4.3.1, RFC 7618 §8.
 *
 * @module
 */
import { rapidCommitIdentifierOctetsMax, wantedSlotsMax } from "../limits.ts";
import type { Fact, OfferClaim } from "./claim.ts";
import {
  claimantOf,
  claimed,
  leaseSeconds,
  leaseTerms,
  canBeServed,
  mayShare,
  namedPair,
  runningTerms,
  secondsBeforeDrain,
  silence,
} from "./decision.ts";
import type { ClaimStep, Decision, Subject } from "./decision.ts";
import { OptionCode } from "../wire/dhcpv4/codes.ts";
import { findAddressPool, findSlotKey, isOpen, pairOfKey, slotsOfPool } from "./domain.ts";
import type { Domain, Pool } from "./domain.ts";
import type { Query } from "./query.ts";

/**
 * Lists the pools that may serve a client, best first.
 *
 * A client that does not list option 159 never gets a shared address (R7618-8.1-02). A client that lists it gets a
 * shared address if the domain has shared pools, because full addresses are scarce, unless the operator configures
 * otherwise (R7618-8.1-04). A size hint puts pools of that size first. It does not change the size of a pool's port
 * sets, because all sharers of an address have port sets of the same size (A9). If all shared pools are drained,
 * clients get full addresses, provided that a full pool is open.
 */
function poolsFor(query: Query, domain: Domain): readonly Pool[] {
  const { sharedPools, fullPools } = domain;
  if (!mayShare(query, domain)) return fullPools;
  if (!sharedPools.some(isOpen) && fullPools.some(isOpen)) return fullPools;
  const wantedLength = query.portParams?.psidLength;
  if (wantedLength === undefined) return sharedPools;
  const fits = (pool: Pool): boolean => pool.geometry.psidLength === wantedLength;
  return [...sharedPools.filter(fits), ...sharedPools.filter((pool) => !fits(pool))];
}

/**
 * Makes the claim of a DHCPDISCOVER: any pair that suits the client.
 *
 * @returns A claim, or silence when no pool can serve the client.
 */
export function claimOffer(query: Query, domain: Domain): ClaimStep {
  const candidates = poolsFor(query, domain);
  if (candidates.length === 0) return silence(canBeServed(query, domain) ? "no-pool" : "shared-pools-only");
  const pools = candidates.filter(isOpen);
  const { domainId, clientId, line, site, siteLeasesMax } = claimantOf(query, domain);
  const claim: OfferClaim = {
    kind: "offer",
    domainId,
    clientId,
    line,
    site,
    siteLeasesMax,
    poolIds: pools.map((pool) => pool.id),
    wantedSlots: wantedSlots(query, domain, pools),
    offerHoldSeconds: domain.offerHoldSeconds,
    leaseSeconds: leaseSeconds(query, domain),
    // RFC 2131 §4.3.1: a client that requests no lease time is offered the remaining time of its lease.
    remainingSecondsMax: query.leaseSeconds === undefined ? domain.leaseSeconds.max : null,
    lease: canRapidCommit(query, domain, pools) ? leaseTerms(query, domain) : null,
  };
  return claimed(claim);
}

/**
 * Checks whether a DISCOVER may be answered with a lease. An ACK for Rapid Commit has more options than an offer, and a
 * lease whose ACK does not fit is of no use: a client with a long identifier gets an offer. If the client lists option 108 and a pool has it, the client
 * must see it in an offer first, so that it can turn IPv4 off instead of taking a lease (RFC 8925 §3).
 */
function canRapidCommit(query: Query, domain: Domain, pools: readonly Pool[]): boolean {
  if (!query.rapidCommit || !domain.rapidCommit) return false;
  if (query.clientId.length / 2 > rapidCommitIdentifierOctetsMax) return false;
  const { v6OnlyPreferred } = OptionCode;
  return (
    !query.parameterRequestList.includes(v6OnlyPreferred) ||
    !pools.some(({ options }) => options.has(v6OnlyPreferred))
  );
}

/**
 * Lists the slots that a client asks for. Options 50 and 159 together name one pair, option 50 alone means any pair
 * with that address (A8), and option 159 alone only gives a size (A7).
 */
function wantedSlots(query: Query, domain: Domain, pools: readonly Pool[]): readonly number[] {
  if (query.requestedAddress === undefined) return [];
  const pool = findAddressPool(domain.pools, query.requestedAddress);
  if (pool === undefined || !pools.includes(pool)) return [];
  const slot = findSlotKey(domain.pools, namedPair(query, domain, query.requestedAddress));
  if (slot !== undefined) return [slot];
  if (query.portParams !== undefined) return [];
  const slots = slotsOfPool(pool, query.requestedAddress);
  const count = Math.min((slots.last - slots.first) / slots.step + 1, wantedSlotsMax);
  return Array.from({ length: count }, (_, index) => slots.first + index * slots.step);
}

/**
 * Decides the answer to a DHCPDISCOVER.
 *
 * @returns DHCPOFFER, DHCPACK for Rapid Commit, or silence: DHCP has no negative answer to a DHCPDISCOVER.
 */
export function decideOffer(
  claim: OfferClaim,
  { held, siteLeases }: Fact,
  { query, domain, directory, now }: Subject,
): Decision {
  if (held === null) {
    const limited = claim.siteLeasesMax !== null && siteLeases >= claim.siteLeasesMax;
    return silence(limited ? "site-limit" : "pools-exhausted");
  }
  // An operator moves the client. Its present lease runs until it is told; it is offered only the pair that it moves to.
  const { pool, pair } = pairOfKey(directory, held.movesTo ?? held.slot);
  if (pool.kind === "shared" && !query.sharesPorts) return silence("holds-shared-lease");
  if (held.remainingSeconds < 0) return silence("site-limit");
  const { options } = pool;
  const isRunning = held.state === "bound" && held.remainingSeconds > 0;
  if (claim.lease !== null && isRunning && held.movesTo === null) {
    const terms = runningTerms(held, claim.lease, { domain, pool, now });
    return { kind: "ack", pair, ...terms, options, rapidCommit: true };
  }
  const wanted = held.statedSeconds ?? claim.leaseSeconds;
  return { kind: "offer", pair, leaseSeconds: secondsBeforeDrain(wanted, pool, now), options };
}
