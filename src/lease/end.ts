/**
 * DHCPRELEASE and DHCPDECLINE: which lease ends? Neither message is answered. RFC 2131 §4.3.3, §4.3.4, RFC 7618 §8.
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

/**
 * Makes the claim of a DHCPRELEASE. The pair must match the client's lease in all parameters (R7618-8-08). Without
 * option 159 the message names a full address (A4).
 *
 * @returns A claim, or silence when the message names another server or no pair of the domain.
 */
export function claimRelease(query: Query, domain: Domain): ClaimStep {
  if (isForAnotherServer(query, domain)) return silence("other-server-chosen");
  const slot = findSlotKey(domain.pools, namedPair(query, domain, query.message.ciaddr));
  if (slot === undefined) return silence("release-without-lease");
  return claimed(endClaim(query, domain, onlySlot(slot), "released", domain.quarantineSeconds));
}

/**
 * Makes the claim of a DHCPDECLINE. RFC 2131 table 5 does not allow option 159 here, so the address and the client
 * identify the pair (A14).
 *
 * @returns A claim, or silence when the message names another server or no pair of the domain.
 */
export function claimDecline(query: Query, domain: Domain): ClaimStep {
  if (isForAnotherServer(query, domain)) return silence("other-server-chosen");
  if (query.requestedAddress === undefined) return silence("release-without-lease");
  const slots = declinedSlots(query, domain, query.requestedAddress);
  if (slots === undefined) return silence("release-without-lease");
  return claimed(endClaim(query, domain, slots, "declined", domain.declineSeconds));
}

/** Makes a claim that ends what the client has in these slots; null means any pair of this client. */
export function endClaim(
  query: Query,
  domain: Domain,
  slots: EndClaim["slots"],
  as: EndClaim["as"],
  quarantineSeconds: number,
): EndClaim {
  const { domainId, clientId, line, site, siteLeasesMax } = claimantOf(query, domain);
  return { kind: "end", domainId, clientId, line, site, siteLeasesMax, slots, as, quarantineSeconds };
}

/** Finds the slot of the pair that option 159 names or, without that option, all slots of the address. */
function declinedSlots(query: Query, domain: Domain, address: number): SlotRange | undefined {
  const slot = findSlotKey(domain.pools, namedPair(query, domain, address));
  if (slot !== undefined) return onlySlot(slot);
  return query.portParams === undefined ? findAddressSlots(domain.pools, address) : undefined;
}

/**
 * Decides the outcome of a message that ends an offer or a lease.
 *
 * @returns Silence, because these messages are never answered; its reason records the outcome.
 */
export function decideEnd(claim: EndClaim, fact: Fact): Decision {
  const { held, ended } = fact;
  if (isOvertaken(claim, fact)) return silence("release-overtaken");
  if (claim.as === "withdrawn") return silence("other-server-chosen");
  if (fact.otherLine) return silence("other-line");
  if (claim.as === "declined") return silence(ended ? "declined" : "release-without-lease");
  const isReleased = held?.state === "released" && held.slot === claim.slots?.first;
  return silence(ended || isReleased ? "released" : "release-without-lease");
}

/** Whether the client got or renewed the pair after the message was received, so that the message must not end it. */
function isOvertaken({ as, slots }: EndClaim, { held }: Fact): boolean {
  if (held === null || (slots !== null && !isInRange(slots, held.slot))) return false;
  return held.state === "offered" || (held.state === "bound" && as !== "withdrawn");
}
