/**
 * What a client's message asks of the database, and what the database then says is true.
 *
 * A claim is a wish without a look at the state: which pair is free, who holds it and whether a limit is reached
 * is decided by the store's statements, inside the transaction. A fact is the client's row after that.
 *
 * @module
 */

/** Who asks, and for which customer site. */
interface Claimant {
  readonly domainId: number;
  /** Octets of option 61 in hexadecimal. */
  readonly clientId: string;
  /** Customer site (`lease/site.ts`). */
  readonly site: string;
  /** Most leases and offers of one site at a time; null is no limit (R7618-10-02). */
  readonly siteLeasesMax: number | null;
}

/** Slots at equal distances, both ends included. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  /** From one to the next, at least 1. */
  readonly step: number;
}

/** @returns Whether a slot is one of the range. */
export function isInRange({ first, last, step }: SlotRange, slot: number): boolean {
  return first <= slot && slot <= last && (slot - first) % step === 0;
}

/** Any pair, in the order of R7618-8-07: current, previous, wanted, new. */
export interface OfferClaim extends Claimant {
  readonly kind: "offer";
  /** Pools that may serve this client, best first. */
  readonly poolIds: readonly number[];
  /** Slots the client asked for, best first; empty without a hint. */
  readonly wantedSlots: readonly number[];
  /** How long the offered pair is kept from others, in seconds. */
  readonly offerHoldSeconds: number;
  /** Rapid Commit (RFC 4039): the pair shall be a lease at once. */
  readonly lease: LeaseTerms | null;
}

/** What a lease is written with. */
export interface LeaseTerms {
  readonly leaseSeconds: number;
  /** How long after its end the pair is kept from other clients, in seconds. */
  readonly quarantineSeconds: number;
  /** Softwire source address (option 109) in hexadecimal; null when the message has none. */
  readonly softwire: string | null;
  /** Least time between two changes of the softwire address, in seconds (R8539-8.1-02). */
  readonly softwireIntervalSeconds: number;
  /** IPv6 source of the client in hexadecimal. */
  readonly source: string;
  /** Relay path record in hexadecimal, kept as evidence. */
  readonly relayPath: string;
}

/** This pair: the one offered to me, or the one I hold. */
export interface BindClaim extends Claimant {
  readonly kind: "bind";
  readonly lease: LeaseTerms;
  /** The pair is one of these slots: one, or all of an address for a REQUEST that does not say which (A3). */
  readonly slots: SlotRange;
  /** SELECTING may turn an offer into a lease; the other states only extend a lease. */
  readonly accepts: "offer-or-lease" | "lease";
  /** INIT-REBOOT holds only for an unchanged source (R7618-6-11). */
  readonly sourceMustMatch: boolean;
}

/** I give the pair back, or it is of no use. */
export interface EndClaim extends Claimant {
  readonly kind: "end";
  /**
   * The client's pair is ended if it is one of these slots: one, or all of one address for a DECLINE that cannot
   * say which (A14). Null is whatever this client has.
   */
  readonly slots: SlotRange | null;
  readonly as: "released" | "declined" | "withdrawn";
  /** How long the pair is kept from other clients, in seconds. */
  readonly quarantineSeconds: number;
}

/** What do I hold? Changes nothing. */
export interface LookClaim extends Claimant {
  readonly kind: "look";
}

export type Claim = OfferClaim | BindClaim | EndClaim | LookClaim;

/** The row of a client in its domain, as it is when the transaction ends. */
export interface HeldPair {
  readonly slot: number;
  readonly state: "offered" | "bound" | "released" | "declined";
  /** Seconds until the offer or the lease ends; not positive when it has ended. */
  readonly remainingSeconds: number;
  /** Octets in hexadecimal, or null. */
  readonly softwire: string | null;
  readonly source: string | null;
}

/** The answer of the store to one claim. */
export interface Fact {
  /** Null when this client has no row in its domain. */
  readonly held: HeldPair | null;
  /** An `offer` claim left with nothing: some pool on its list has a slot that another round may take. */
  readonly roomLeft: boolean;
  /** Leases and offers of the claim's site; 0 where no limit applies. */
  readonly siteLeases: number;
  /** The softwire address of a `bind` claim belongs to the running lease of another client. */
  readonly softwireTaken: boolean;
  /** A `bind` claim of a client without a row names the pair of another client's running lease. */
  readonly pairTaken: boolean;
  /** A pair of those that an `end` claim names has ended in this batch. */
  readonly ended: boolean;
}
