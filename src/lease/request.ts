/**
 * DHCPREQUEST: may this client have this pair? RFC 2131 §4.3.2, RFC 7618 §8, RFC 8539 §8.
 *
 * @module
 */
import { isInRange } from "./claim.ts";
import type { BindClaim, EndClaim, Fact, LookClaim, SlotRange } from "./claim.ts";
import { claimantOf, claimed, leaseTerms, mayBeServed, nak, namedPair, silence } from "./decision.ts";
import type { ClaimStep, Decision, Subject } from "./decision.ts";
import { findAddressPool, findAddressSlots, findSlotKey, onlySlot, pairOfKey } from "./domain.ts";
import type { Domain } from "./domain.ts";
import type { Query } from "./query.ts";

/** RFC 2131 §4.3.2, table 4: the fields that tell in which state the client is. */
export function claimRequest(query: Query, domain: Domain): ClaimStep {
  const { serverIdentifier, requestedAddress, message, unicast } = query;
  if (serverIdentifier !== undefined) return claimSelecting(query, domain, serverIdentifier);
  if (message.ciaddr !== 0)
    return claimKept(query, domain, message.ciaddr, unicast ? "renewing" : "rebinding");
  if (requestedAddress !== undefined) return claimKept(query, domain, requestedAddress, "init-reboot");
  return silence("unknown-request-state");
}

/** SELECTING: the client answers an offer, ours or another server's. */
function claimSelecting(query: Query, domain: Domain, serverIdentifier: number): ClaimStep {
  if (serverIdentifier !== domain.serverIdentifier) {
    const withdrawn: EndClaim = {
      ...claimantOf(query, domain),
      kind: "end",
      slots: null,
      as: "withdrawn",
      quarantineSeconds: 0,
    };
    return claimed(withdrawn);
  }
  if (!mayBeServed(query, domain)) return silence("shared-pools-only");
  if (query.requestedAddress === undefined) return silence("unknown-request-state");
  const slots = offeredSlots(query, domain, query.requestedAddress);
  return slots === undefined
    ? nak("pair-not-offered")
    : claimed(bindClaim(query, domain, slots, "offer-or-lease"));
}

/**
 * A shared address without its port set is half a pair, and no slot. A domain may be lenient, and take it for the
 * one that was offered (A3).
 */
function offeredSlots(query: Query, domain: Domain, address: number): SlotRange | undefined {
  const slot = findSlotKey(domain.pools, namedPair(query, address));
  if (slot !== undefined) return onlySlot(slot);
  const isLenient =
    domain.acceptsRequestWithoutPortSet && query.sharesPorts && query.portParams === undefined;
  return isLenient ? findAddressSlots(domain.pools, address) : undefined;
}

/** INIT-REBOOT, RENEWING, REBINDING: the client asks to keep what it says is its lease. */
function claimKept(
  query: Query,
  domain: Domain,
  address: number,
  state: "init-reboot" | "renewing" | "rebinding",
): ClaimStep {
  if (!mayBeServed(query, domain)) return silence("shared-pools-only");
  const pool = findAddressPool(domain.pools, address);
  if (pool === undefined) {
    // On the wrong network a NAK is due even to a client that is not known; in the other states silence leaves
    // room for the server that gave the lease.
    if (state === "init-reboot") return nak("wrong-network");
    return claimed(lookClaim(query, domain));
  }
  if (pool.kind === "shared" && !query.sharesPorts) return silence("shared-lease-without-option-159");
  const slot = findSlotKey(domain.pools, namedPair(query, address));
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
  return {
    ...claimantOf(query, domain),
    kind: "bind",
    slots,
    accepts,
    lease: leaseTerms(query, domain),
    sourceMustMatch,
  };
}

function lookClaim(query: Query, domain: Domain): LookClaim {
  return { ...claimantOf(query, domain), kind: "look" };
}

/** @returns DHCPACK for the pair that is now the client's lease, DHCPNAK when it is not, or silence. */
export function decideBind(
  claim: BindClaim,
  fact: Fact,
  { query, domain, directory, now }: Subject,
): Decision {
  const { held } = fact;
  const isOffer = claim.accepts === "offer-or-lease";
  if (held === null) return isOffer ? nak("pair-not-offered") : decideUnknown(query, domain, fact);
  const isNamed = isInRange(claim.slots, held.slot);
  const { pool, pair } = pairOfKey(directory, held.slot);
  if (isNamed && pool.drainUntil !== null && pool.drainUntil <= now) return nak("pool-drained");
  if (!isNamed || held.state !== "bound" || held.remainingSeconds <= 0) {
    if (fact.softwireTaken && isNamed) return nak("softwire-taken");
    return nak(isOffer ? "pair-not-offered" : "pair-not-held");
  }
  if (claim.sourceMustMatch && held.source !== claim.lease.source) return nak("source-changed");
  return {
    kind: "ack",
    pair,
    leaseSeconds: held.remainingSeconds,
    options: pool.options,
    softwire: held.softwire,
    rapidCommit: false,
  };
}

/** @returns DHCPNAK to a client that has another pair, silence to one that is not known. */
export function decideLook(fact: Fact, { query, domain }: Subject): Decision {
  return fact.held === null ? decideUnknown(query, domain, fact) : nak("pair-not-held");
}

/**
 * A client without a record: another server may know it (RFC 2131 §4.3.2). But nobody can extend the lease of a pair
 * that is another client's here, so a client that uses one has to stop. And only RENEWING is meant for the server that
 * gave the lease, so there a domain may refuse, if no other server hears its clients. To INIT-REBOOT silence is the
 * one answer.
 */
function decideUnknown(query: Query, domain: Domain, { pairTaken }: Fact): Decision {
  const isExtending = query.message.ciaddr !== 0;
  if (isExtending && pairTaken) return nak("pair-not-held");
  const isRenewing = isExtending && query.unicast;
  return isRenewing && domain.refusesUnknownRenewals ? nak("unknown-client") : silence("unknown-client");
}
