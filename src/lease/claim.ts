/**
 * Claims and facts: what a client's message asks of the database, and what is true in the database afterwards.
 *
 * A claim is made without knowledge of the database. The store's statements decide, inside the transaction, which pair
 * is free, who holds it, and whether a limit is reached. A fact describes the client's row after that.
 *
 * @module
 */

/** The client that makes a claim, and its customer site. */
interface Claimant {
  readonly domainId: number;
  /** Client id of the query (`query.ts`), in hexadecimal: usually the octets of option 61. */
  readonly clientId: string;
  /** Network-wide name of the client's line (`lease/line.ts`); empty when the line has no such name. */
  readonly line: string;
  /** Customer site (`lease/site.ts`). */
  readonly site: string;
  /** Largest number of leases and offers of one site at a time; null means no limit (R7618-10-02). */
  readonly siteLeasesMax: number | null;
}

/** Slots at equal distances, first and last included. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  /** Distance from one slot to the next, at least 1. */
  readonly step: number;
}

/**
 * Checks whether a range contains a slot.
 *
 * @param slot Key of the slot.
 * @returns Whether the slot is in the range.
 */
export function isInRange({ first, last, step }: SlotRange, slot: number): boolean {
  return first <= slot && slot <= last && (slot - first) % step === 0;
}

/** Claims any pair, in the order of R7618-8-07: current, previous, requested, new. */
export interface OfferClaim extends Claimant {
  readonly kind: "offer";
  /** Pools that may serve this client, best first. */
  readonly poolIds: readonly number[];
  /** Slots that the client asked for, best first; empty when the client gave no hint. */
  readonly wantedSlots: readonly number[];
  /** How long the offered pair is held for the client, in seconds. */
  readonly offerHoldSeconds: number;
  /** The lease time that is offered. */
  readonly leaseSeconds: number;
  /**
   * A client whose lease is running is offered the time that remains, but not more seconds than this. Null if the client
   * asked for a lease time, which it is then offered.
   */
  readonly remainingSecondsMax: number | null;
  /** Terms of the lease that is created immediately (Rapid Commit, RFC 4039); null for an offer. */
  readonly lease: LeaseTerms | null;
}

/** The values with which a lease is stored. */
export interface LeaseTerms {
  readonly leaseSeconds: number;
  /** How long after the end of the lease no other client gets the pair, in seconds. */
  readonly quarantineSeconds: number;
  /** Softwire source address (option 109) in hexadecimal; null when the message has none. */
  readonly softwire: string | null;
  /** The message has a softwire source address that may not be stored; then `softwire` is null. */
  readonly softwireForbidden: boolean;
  /** Minimum time between two changes of the softwire address, in seconds (R8539-8.1-02). */
  readonly softwireIntervalSeconds: number;
  /** IPv6 source address of the client. */
  readonly source: Uint8Array;
  /** Relay path record, stored as evidence. */
  readonly relayPath: Uint8Array;
}

/** Claims a particular pair: one that was offered to the client, or one that it holds. */
export interface BindClaim extends Claimant {
  readonly kind: "bind";
  readonly lease: LeaseTerms;
  /** Slots that the pair may be in: a single slot, or all slots of an address for a REQUEST without a port set (A3). */
  readonly slots: SlotRange;
  /** Whether the message names no lease time, so the lease gets the time that was offered. */
  readonly takesOfferedSeconds: boolean;
  /** SELECTING can turn an offer into a lease; the other states only extend a lease. */
  readonly accepts: "offer-or-lease" | "lease";
  /** Whether the claim fails when the source address has changed, as for INIT-REBOOT (R7618-6-11). */
  readonly sourceMustMatch: boolean;
}

/** Ends an offer or a lease: the client releases or declines its pair, or has chosen another server. */
export interface EndClaim extends Claimant {
  readonly kind: "end";
  /**
   * The client's pair ends only if it is in one of these slots: a single slot, or all slots of an address for a
   * DECLINE, which does not name the port set (A14). Null means any pair of this client.
   */
  readonly slots: SlotRange | null;
  readonly as: "released" | "declined" | "withdrawn";
  /** How long no other client gets the pair, in seconds. */
  readonly quarantineSeconds: number;
}

/** Looks up the client's row without changing it. */
export interface LookClaim extends Claimant {
  readonly kind: "look";
}

export type Claim = OfferClaim | BindClaim | EndClaim | LookClaim;

/** The row of a client in its domain, as it is at the end of the transaction. */
export interface HeldPair {
  readonly slot: number;
  readonly state: "offered" | "bound" | "released" | "declined";
  /** Whole seconds until the offer or the lease ends: 0 in the last part of a second, and -1 when it has ended. */
  readonly remainingSeconds: number;
  /** The lease time that the client was told last, in seconds; null if an earlier release told it. */
  readonly statedSeconds: number | null;
  /** Softwire source address in hexadecimal, or null. */
  readonly softwire: string | null;
  /** IPv6 source address in hexadecimal, or null. */
  readonly source: string | null;
  /** The slot that an operator moves the client to; null unless the move is pending. */
  readonly movesTo: number | null;
}

/** The store's answer to one claim. */
export interface Fact {
  /** Null when this client has no row in its domain. */
  readonly held: HeldPair | null;
  /** For an `offer` claim that got no pair: whether some pool on its list has a slot that another round can take. */
  readonly roomLeft: boolean;
  /** Number of leases and offers of the claim's site; 0 when no limit applies. */
  readonly siteLeases: number;
  /** Whether the softwire address of a `bind` claim belongs to another client's active lease. */
  readonly softwireTaken: boolean;
  /** Whether a `bind` claim of a client without a row names the pair of another client's active lease. */
  readonly pairTaken: boolean;
  /** Whether a pair that an `end` claim names has ended in this batch. */
  readonly ended: boolean;
  /** Whether the client has a running offer or lease from another named line, and none that the claim may use. */
  readonly otherLine: boolean;
}
