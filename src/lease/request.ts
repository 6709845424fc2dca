/**
 * DHCPREQUEST: may this client have or keep this pair? RFC 2131 §4.3.2, RFC 7618 §8, RFC 8539 §8.
 *
 * @module
 */
import { isInRange } from "./claim.ts";
import type { BindClaim, Fact, LookClaim, SlotRange } from "./claim.ts";
import {
  claimantOf,
  claimed,
  leaseTerms,
  canBeServed,
  isForAnotherServer,
  nak,
  namedPair,
  runningTerms,
  silence,
} from "./decision.ts";
import type { ClaimStep, Decision, Subject } from "./decision.ts";
import { endClaim } from "./end.ts";
import { findAddressPool, findAddressSlots, findSlotKey, onlySlot, pairOfKey } from "./domain.ts";
import type { Domain } from "./domain.ts";
import type { Query } from "./query.ts";
import { encodeHex } from "../wire/hex.ts";

/**
 * Makes the claim of a DHCPREQUEST. Its fields show the state of the client (RFC 2131 §4.3.2, table 4).
 *
 * @returns A claim, or a decision when the message alone determines the answer.
 */
export function claimRequest(query: Query, domain: Domain): ClaimStep {
  const { serverIdentifier, requestedAddress, message, unicast } = query;
  // Some clients send the server identifier when they renew. Only with option 50 it means that the client selects.
  const isSelecting = requestedAddress !== undefined || message.ciaddr === 0;
  if (serverIdentifier !== undefined && isSelecting) return claimSelecting(query, domain, serverIdentifier);
  if (isForAnotherServer(query, domain)) return silence("other-server-chosen");
  if (message.ciaddr !== 0)
    return claimHeldLease(query, domain, message.ciaddr, unicast ? "renewing" : "rebinding");
  if (requestedAddress !== undefined) return claimHeldLease(query, domain, requestedAddress, "init-reboot");
  return silence("unknown-request-state");
}

/** SELECTING: the client accepts an offer, either ours or that of another server. */
function claimSelecting(query: Query, domain: Domain, serverIdentifier: number): ClaimStep {
  if (serverIdentifier !== domain.serverIdentifier)
    return claimed(endClaim(query, domain, null, "withdrawn", 0));
  if (!canBeServed(query, domain)) return silence("shared-pools-only");
  if (query.requestedAddress === undefined) return silence("unknown-request-state");
  const slots = offeredSlots(query, domain, query.requestedAddress);
  return slots === undefined
    ? nak("pair-not-offered")
    : claimed(bindClaim(query, domain, slots, "offer-or-lease"));
}

/**
 * Finds the slots that a SELECTING client may mean. A shared address without a port set does not identify a slot. A
 * lenient domain accepts it as the pair that was offered (A3).
 */
function offeredSlots(query: Query, domain: Domain, address: number): SlotRange | undefined {
  const slot = findSlotKey(domain.pools, namedPair(query, domain, address));
  if (slot !== undefined) return onlySlot(slot);
  const isLenient =
    domain.acceptsRequestWithoutPortSet && query.sharesPorts && query.portParams === undefined;
  return isLenient ? findAddressSlots(domain.pools, address) : undefined;
}

/** INIT-REBOOT, RENEWING, REBINDING: the client asks to keep a pair that it says it holds. */
function claimHeldLease(
  query: Query,
  domain: Domain,
  address: number,
  state: "init-reboot" | "renewing" | "rebinding",
): ClaimStep {
  if (!canBeServed(query, domain)) return silence("shared-pools-only");
  const pool = findAddressPool(domain.pools, address);
  if (pool === undefined) {
    // A client that reboots on the wrong network gets a NAK even if it is unknown. In the other states the server stays
    // silent, so that the server that gave the lease can answer.
    if (state === "init-reboot") return nak("wrong-network");
    return claimed(lookClaim(query, domain));
  }
  if (pool.kind === "shared" && !query.sharesPorts) return silence("shared-lease-without-option-159");
  const slot = findSlotKey(domain.pools, namedPair(query, domain, address));
  if (slot === undefined) return claimed(lookClaim(query, domain));
  const sourceMustMatch = state === "init-reboot" && domain.rebootNeedsSameSource;
  return claimed(bindClaim(query, domain, onlySlot(slot), "lease", sourceMustMatch));
}

function bindClaim(
  query: Query,
  domain: Domain,
  slots: SlotRange,
  accepts: BindClaim["accepts"],
  sourceMustMatch = false,
): BindClaim {
  const { domainId, clientId, line, site, siteLeasesMax } = claimantOf(query, domain);
  return {
    kind: "bind",
    domainId,
    clientId,
    line,
    site,
    siteLeasesMax,
    slots,
    takesOfferedSeconds: accepts === "offer-or-lease" && query.leaseSeconds === undefined,
    accepts,
    lease: leaseTerms(query, domain),
    sourceMustMatch,
  };
}

function lookClaim(query: Query, domain: Domain): LookClaim {
  const { domainId, clientId, line, site, siteLeasesMax } = claimantOf(query, domain);
  return { kind: "look", domainId, clientId, line, site, siteLeasesMax };
}

/**
 * Decides the answer to a DHCPREQUEST that claimed a particular pair. If the client's lease is on another line, the
 * message is refused: an honest client that moved starts again and gets another pair here, and one that only repeats the
 * client's identifier gets nothing.
 *
 * @returns DHCPACK when the pair is now the client's lease, DHCPNAK when it is not, or silence for an unknown client.
 */
export function decideBind(
  claim: BindClaim,
  fact: Fact,
  { query, domain, directory, now }: Subject,
): Decision {
  const { held } = fact;
  const isOffer = claim.accepts === "offer-or-lease";
  if (held === null) {
    if (fact.otherLine) return nak("other-line");
    return isOffer ? nak("pair-not-offered") : decideUnknown(query, domain, fact);
  }
  const isNamed = isInRange(claim.slots, held.slot);
  const { pool, pair } = pairOfKey(directory, held.slot);
  if (isNamed && pool.drainUntil !== null && pool.drainUntil <= now) return nak("pool-drained");
  if (!isNamed || held.state !== "bound" || held.remainingSeconds <= 0) {
    if (isNamed && claim.lease.softwireForbidden) return nak("softwire-forbidden");
    if (isNamed && fact.softwireTaken) return nak("softwire-taken");
    return nak(isOffer ? "pair-not-offered" : "pair-not-held");
  }
  if (claim.sourceMustMatch && held.source !== encodeHex(claim.lease.source)) return nak("source-changed");
  const { leaseSeconds, softwire } = runningTerms(held, claim.lease, { domain, pool, now });
  return { kind: "ack", pair, leaseSeconds, softwire, options: pool.options, rapidCommit: false };
}

/**
 * Decides the answer to a DHCPREQUEST whose pair is not in the domain's pools.
 *
 * @returns DHCPNAK when the client holds another pair, otherwise as for an unknown client: usually silence.
 */
export function decideLook(fact: Fact, { query, domain }: Subject): Decision {
  if (fact.held !== null) return nak("pair-not-held");
  return fact.otherLine ? nak("other-line") : decideUnknown(query, domain, fact);
}

/**
 * Decides the answer to a client that has no row. Silence is the default, because another server may know the client
 * (RFC 2131 §4.3.2); for INIT-REBOOT it is the only answer. There are two exceptions. If the pair belongs to another
 * client here, no server can extend its lease, so the client must stop using it and gets a NAK. And since RENEWING
 * messages go only to the server that gave the lease, a domain whose clients reach no other server may send a NAK.
 */
function decideUnknown(query: Query, domain: Domain, { pairTaken }: Fact): Decision {
  const isExtending = query.message.ciaddr !== 0;
  if (isExtending && pairTaken) return nak("pair-not-held");
  const isRenewing = isExtending && query.unicast;
  return isRenewing && domain.refusesUnknownRenewals ? nak("unknown-client") : silence("unknown-client");
}
