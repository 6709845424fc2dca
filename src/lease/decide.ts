/**
 * The rules, in two pure steps around the database:
 *
 * 1. {@link makeClaim}: what does this message ask for, in this domain? Either a claim for the store, or a decision
 *    that needs none.
 * 2. {@link decide}: the store has acted and says what is now true; what is the answer?
 *
 * @module
 */
import { MessageType } from "../wire/dhcpv4/codes.ts";
import type { Claim, Fact } from "./claim.ts";
import { mayBeServed, silence } from "./decision.ts";
import type { ClaimStep, Decision, Subject } from "./decision.ts";
import { claimOffer, decideOffer } from "./discover.ts";
import { findAddressPool } from "./domain.ts";
import type { Domain } from "./domain.ts";
import { claimDecline, claimRelease, decideEnd } from "./end.ts";
import type { Query } from "./query.ts";
import { claimRequest, decideBind, decideLook } from "./request.ts";

/**
 * Derives what a query asks of the database.
 *
 * @returns A claim, or a decision where the message alone is enough for one.
 */
export function makeClaim(query: Query, domain: Domain): ClaimStep {
  if (query.identity === "hardware-address" && (!domain.identifiesByHardwareAddress || query.sharesPorts)) {
    return silence("no-client-identifier");
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

/** An INFORM asks for settings and for no lease, so what leases there are does not matter (RFC 2131 §4.3.5). */
function decideInform(query: Query, domain: Domain): Decision {
  if (!mayBeServed(query, domain)) return silence("shared-pools-only");
  const pool = findAddressPool(domain.pools, query.message.ciaddr);
  return { kind: "settings", options: pool?.options ?? domain.options };
}

/**
 * Chooses the answer, given what the store made true.
 *
 * @param claim What {@link makeClaim} asked for.
 * @param fact What the store says.
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
