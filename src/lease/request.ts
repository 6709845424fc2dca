/**
 * DHCPREQUEST: may this client have this pair? RFC 2131 §4.3.2, RFC 7618 §8, RFC 8539 §8.
 *
 * @module
 */
import { encodeRelayPathRecord } from "../wire/dhcpv6/relay-path.ts";
import { encodeHex } from "../wire/hex.ts";
import type { BindClaim, EndClaim, Fact, LookClaim } from "./claim.ts";
import { claimantOf, claimed, leaseSeconds, mayBeServed, nak, pairOf, silence } from "./decision.ts";
import type { ClaimStep, Decision } from "./decision.ts";
import { evidenceOf } from "./evidence.ts";
import { findAddressPool, findSlotKey, pairOfKey } from "./domain.ts";
import type { Directory, Domain } from "./domain.ts";
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
  // A shared address without its port set is half a pair, and is in no pool (A3).
  const slot = findSlotKey(domain.pools, pairOf(query, query.requestedAddress));
  if (slot === undefined) return nak("pair-not-offered");
  return claimed(bindClaim(query, domain, slot, "offer-or-lease"));
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
  const slot = findSlotKey(domain.pools, pairOf(query, address));
  if (slot === undefined) return claimed(lookClaim(query, domain));
  return claimed({
    ...bindClaim(query, domain, slot, "lease"),
    sourceMustMatch: state === "init-reboot" && domain.rebootNeedsSameSource,
  });
}

function bindClaim(query: Query, domain: Domain, slot: number, accepts: BindClaim["accepts"]): BindClaim {
  return {
    ...claimantOf(query, domain),
    kind: "bind",
    slot,
    accepts,
    leaseSeconds: leaseSeconds(query, domain),
    quarantineSeconds: domain.quarantineSeconds,
    softwire: query.softwire === undefined ? null : encodeHex(query.softwire),
    softwireIntervalSeconds: domain.softwire.updateIntervalSeconds,
    source: encodeHex(query.source),
    sourceMustMatch: false,
    relayPath: encodeHex(encodeRelayPathRecord(evidenceOf(query.path))),
  };
}

function lookClaim(query: Query, domain: Domain): LookClaim {
  return { ...claimantOf(query, domain), kind: "look" };
}

/** @returns DHCPACK for the pair that is now the client's lease, DHCPNAK when it is not, or silence. */
export function decideBind(claim: BindClaim, fact: Fact, directory: Directory): Decision {
  const { held } = fact;
  if (held === null) return isKnownOnly(claim) ? silence("unknown-client") : nak("pair-not-offered");
  const isLeased = held.slot === claim.slot && held.state === "bound" && held.remainingSeconds > 0;
  if (!isLeased) {
    if (fact.softwireTaken && held.slot === claim.slot) return nak("softwire-taken");
    return nak(isKnownOnly(claim) ? "pair-not-held" : "pair-not-offered");
  }
  if (claim.sourceMustMatch && held.source !== claim.source) return nak("source-changed");
  const { pool, pair } = pairOfKey(directory, held.slot);
  return {
    kind: "ack",
    pair,
    leaseSeconds: held.remainingSeconds,
    options: pool.options,
    softwire: held.softwire,
  };
}

/** Only an answer to our own offer is ours to refuse when the client is not known (RFC 2131 §4.3.2). */
function isKnownOnly(claim: BindClaim): boolean {
  return claim.accepts === "lease";
}

/** @returns DHCPNAK to a client that has another pair, silence to one that is not known. */
export function decideLook(fact: Fact): Decision {
  return fact.held === null ? silence("unknown-client") : nak("pair-not-held");
}
