/**
 * The rules, as two pure steps before and after the database transaction:
 *
 * 1. {@link makeClaim}: what does this message ask for in this domain? The result is a claim for the store, or a
 *    decision that needs no claim.
 * 2. {@link decide}: the store has processed the claim and reports what is true now; what is the answer?
 *
 * @module
 */
import { MessageType } from "../wire/dhcpv4/codes.ts";
import type { Claim, Fact } from "./claim.ts";
import { canBeServed, mayShare, silence } from "./decision.ts";
import type { ClaimStep, Decision, Subject } from "./decision.ts";
import { claimOffer, decideOffer } from "./discover.ts";
import { findAddressPool } from "./domain.ts";
import type { Domain } from "./domain.ts";
import { claimDecline, claimRelease, decideEnd } from "./end.ts";
import type { Query } from "./query.ts";
import { claimRequest, decideBind, decideLook } from "./request.ts";

/**
 * Derives the claim that a query makes.
 *
 * @param query The client's message.
 * @param domain The domain that serves the client.
 * @returns A claim, or a decision when the message alone determines the answer.
 */
export function makeClaim(query: Query, domain: Domain): ClaimStep {
  if (query.identity === "shared-client-identifier") return silence("unusable-hardware-address");
  if (query.identity !== "client-identifier") {
    if (!domain.identifiesByHardwareAddress || mayShare(query, domain))
      return silence("no-client-identifier");
    if (query.identity === "unusable-hardware-address") return silence("unusable-hardware-address");
  }
  switch (query.messageType) {
    case MessageType.discover:
      return claimOffer(query, domain);
    case MessageType.request:
      return claimRequest(query, domain);
    case MessageType.release:
      return claimRelease(query, domain);
    case MessageType.decline:
      return claimDecline(query, domain);
    case MessageType.inform:
      return decideInform(query, domain);
    default:
      return silence("unserved-message-type");
  }
}

/** An INFORM asks for settings but not for a lease, so existing leases do not matter (RFC 2131 §4.3.5). */
function decideInform(query: Query, domain: Domain): Decision {
  if (!canBeServed(query, domain)) return silence("shared-pools-only");
  const pool = findAddressPool(domain.pools, query.message.ciaddr);
  return { kind: "settings", options: pool?.options ?? domain.options };
}

/**
 * Decides the answer after the store has processed the claim.
 *
 * @param claim The claim that {@link makeClaim} returned.
 * @param fact What the store reports about this claim.
 * @param subject The query, and the state in which the claim was made and judged.
 * @returns The decision.
 */
export function decide(claim: Claim, fact: Fact, subject: Subject): Decision {
  switch (claim.kind) {
    case "offer":
      return decideOffer(claim, fact, subject);
    case "bind":
      return decideBind(claim, fact, subject);
    case "end":
      return decideEnd(claim, fact);
    case "look":
      return decideLook(fact, subject);
  }
}
