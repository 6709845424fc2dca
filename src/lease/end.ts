/**
 * DHCPRELEASE and DHCPDECLINE: whose pair ends? Neither has an answer. RFC 2131 §4.3.3, §4.3.4, RFC 7618 §8.
 *
 * @module
 */
import { isInRange } from "./claim.ts";
import type { EndClaim, Fact, SlotRange } from "./claim.ts";
import { claimantOf, claimed, isForAnotherServer, namedPair, silence } from "./decision.ts";
import type { ClaimStep, Decision } from "./decision.ts";
import { findAddressSlots, findSlotKey, onlySlot } from "./domain.ts";
import type { Domain } from "./domain.ts";
import type { Query } from "./query.ts";

/** The pair must be the client's own, to the last of its parameters (R7618-8-08); without 159 it is a full one (A4). */
export function claimRelease(query: Query, domain: Domain): ClaimStep {
  if (isForAnotherServer(query, domain)) return silence("other-server-chosen");
  const slot = findSlotKey(domain.pools, namedPair(query, query.message.ciaddr));
  if (slot === undefined) return silence("release-without-lease");
  const claim: EndClaim = {
    ...claimantOf(query, domain),
    kind: "end",
    slots: onlySlot(slot),
    as: "released",
    quarantineSeconds: domain.quarantineSeconds,
  };
  return claimed(claim);
}

/** RFC 2131 table 5 has no room for option 159 here, so the address and the client say which pair it is (A14). */
export function claimDecline(query: Query, domain: Domain): ClaimStep {
  if (isForAnotherServer(query, domain)) return silence("other-server-chosen");
  if (query.requestedAddress === undefined) return silence("release-without-lease");
  const slots = declinedSlots(query, domain, query.requestedAddress);
  if (slots === undefined) return silence("release-without-lease");
  const claim: EndClaim = {
    ...claimantOf(query, domain),
    kind: "end",
    slots,
    as: "declined",
    quarantineSeconds: domain.declineSeconds,
  };
  return claimed(claim);
}

/** The pair that option 159 names; without it, whichever of the address is the client's. */
function declinedSlots(query: Query, domain: Domain, address: number): SlotRange | undefined {
  const slot = findSlotKey(domain.pools, namedPair(query, address));
  if (slot !== undefined) return onlySlot(slot);
  return query.portParams === undefined ? findAddressSlots(domain.pools, address) : undefined;
}

/** These messages have no answer; the reason only says what became of them. */
export function decideEnd(claim: EndClaim, fact: Fact): Decision {
  const { held, ended } = fact;
  if (isOvertaken(claim, fact)) return silence("release-overtaken");
  if (claim.as === "withdrawn") return silence("other-server-chosen");
  if (claim.as === "declined") return silence(ended ? "declined" : "release-without-lease");
  const gone = held?.state === "released" && held.slot === claim.slots?.first;
  return silence(gone ? "released" : "release-without-lease");
}

/** The client still has what the message would have ended: it got it, or got it again, after the message had come. */
function isOvertaken({ as, slots }: EndClaim, { held }: Fact): boolean {
  if (held === null || (slots !== null && !isInRange(slots, held.slot))) return false;
  return held.state === "offered" || (held.state === "bound" && as !== "withdrawn");
}
