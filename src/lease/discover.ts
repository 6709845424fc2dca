/**
 * DHCPDISCOVER: which pair may this client be offered? RFC 2131 §4.3.1, RFC 7618 §8.
 *
 * @module
 */
import { wantedSlotsMax } from "../limits.ts";
import type { Fact, OfferClaim } from "./claim.ts";
import {
  claimantOf,
  claimed,
  leaseSeconds,
  leaseTerms,
  mayBeServed,
  namedPair,
  silence,
} from "./decision.ts";
import type { ClaimStep, Decision, Subject } from "./decision.ts";
import { OptionCode } from "../wire/dhcpv4/codes.ts";
import { findAddressSlots, findSlotKey, isOpen, pairOfKey } from "./domain.ts";
import type { Domain, Pool } from "./domain.ts";
import type { Query } from "./query.ts";

/**
 * The pools that may serve a client, best first.
 *
 * A client that does not list option 159 never gets a shared address (R7618-8.1-02). One that does gets a shared
 * one wherever there are shared pools, because full addresses are scarce; unless the operator says otherwise
 * (R7618-8.1-04). A size hint puts pools of that size first; no pool is cut to another size for it, because all
 * sharers of an address have equal sets (A9). Shared pools that are all drained are no shared pools.
 */
function poolsFor(query: Query, domain: Domain): readonly Pool[] {
  const { sharedPools, fullPools } = domain;
  if (!query.sharesPorts || domain.ignoresOption159 || sharedPools.length === 0) return fullPools;
  if (!sharedPools.some(isOpen) && fullPools.some(isOpen)) return fullPools;
  const wantedLength = query.portParams?.psidLength;
  if (wantedLength === undefined) return sharedPools;
  const fits = (pool: Pool): boolean => pool.geometry.psidLength === wantedLength;
  return [...sharedPools.filter(fits), ...sharedPools.filter((pool) => !fits(pool))];
}

/** @returns The claim for any pair that suits the client. */
export function claimOffer(query: Query, domain: Domain): ClaimStep {
  const candidates = poolsFor(query, domain);
  if (candidates.length === 0) return silence(mayBeServed(query, domain) ? "no-pool" : "shared-pools-only");
  const pools = candidates.filter(isOpen);
  const claim: OfferClaim = {
    ...claimantOf(query, domain),
    kind: "offer",
    poolIds: pools.map((pool) => pool.id),
    wantedSlots: wantedSlots(query, pools),
    offerHoldSeconds: domain.offerHoldSeconds,
    lease: mayCommitAtOnce(query, domain, pools) ? leaseTerms(query, domain) : null,
  };
  return claimed(claim);
}

/** A client that may be told to do without IPv4 has to see that first, and not be given a lease (RFC 8925 §3). */
function mayCommitAtOnce(query: Query, domain: Domain, pools: readonly Pool[]): boolean {
  if (!query.rapidCommit || !domain.rapidCommit) return false;
  const { v6OnlyPreferred } = OptionCode;
  return (
    !query.parameterRequestList.includes(v6OnlyPreferred) ||
    !pools.some(({ options }) => options.has(v6OnlyPreferred))
  );
}

/** Option 50 with 159 is one pair, option 50 alone any pair of that address (A8), 159 alone says only a size (A7). */
function wantedSlots(query: Query, pools: readonly Pool[]): readonly number[] {
  if (query.requestedAddress === undefined) return [];
  const slot = findSlotKey(pools, namedPair(query, query.requestedAddress));
  if (slot !== undefined) return [slot];
  if (query.portParams !== undefined) return [];
  const slots = findAddressSlots(pools, query.requestedAddress);
  if (slots === undefined) return [];
  const count = Math.min((slots.last - slots.first) / slots.step + 1, wantedSlotsMax);
  return Array.from({ length: count }, (_, index) => slots.first + index * slots.step);
}

/** @returns DHCPOFFER, or silence: there is no refusal of a DHCPDISCOVER. */
export function decideOffer(
  claim: OfferClaim,
  { held, siteLeases }: Fact,
  { query, domain, directory, now }: Subject,
): Decision {
  if (held === null) {
    const limited = claim.siteLeasesMax !== null && siteLeases >= claim.siteLeasesMax;
    return silence(limited ? "site-limit" : "pools-exhausted");
  }
  const { pool, pair } = pairOfKey(directory, held.slot);
  if (pool.kind === "shared" && !query.sharesPorts) return silence("holds-shared-lease");
  if (held.remainingSeconds <= 0) return silence("site-limit");
  const { options } = pool;
  if (claim.lease !== null && held.state === "bound") {
    const { remainingSeconds, softwire } = held;
    return { kind: "ack", pair, leaseSeconds: remainingSeconds, options, softwire, rapidCommit: true };
  }
  // RFC 2131 §4.3.1: without a wish of its own, a client is offered what is left of its lease.
  const isUnchanged = held.state === "bound" && query.leaseSeconds === undefined;
  const wanted = isUnchanged ? held.remainingSeconds : leaseSeconds(query, domain);
  const seconds = pool.drainUntil === null ? wanted : Math.min(wanted, pool.drainUntil - now);
  return { kind: "offer", pair, leaseSeconds: seconds, options };
}
