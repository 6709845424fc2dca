/**
 * Claims with defaults for every field that a test does not set.
 *
 * @module
 */
import type { BindClaim, EndClaim, Fact, LeaseTerms, LookClaim, OfferClaim } from "../../src/lease/claim.ts";
import { numberOfSlot, slotKey as keyOf } from "../../src/portset/slot-key.ts";
import { decodeHex } from "../../src/wire/hex.ts";

/** Client identifier of a numbered client, in hexadecimal as in claims. */
export const clientId = (client: number): string => `ff${client.toString(16).padStart(8, "0")}`;

const claimant = (client: number) => ({
  domainId: 1,
  clientId: clientId(client),
  line: "",
  site: "prefix:00",
  siteLeasesMax: null,
});

/** Requests an offer of any pair of pool 1. */
export const offerClaim = (client: number, fields: Partial<OfferClaim> = {}): OfferClaim => ({
  ...claimant(client),
  kind: "offer",
  poolIds: [1],
  wantedSlots: [],
  offerHoldSeconds: 60,
  leaseSeconds: 3600,
  remainingSecondsMax: 86_400,
  lease: null,
  ...fields,
});

/** Requests a lease of one slot, as a client in SELECTING does. */
export const bindClaim = (
  client: number,
  slot: number,
  { lease, ...fields }: Partial<Omit<BindClaim, "lease">> & { lease?: Partial<LeaseTerms> } = {},
): BindClaim => ({
  ...claimant(client),
  kind: "bind",
  slots: { first: slot, last: slot, step: 1 },
  accepts: "offer-or-lease",
  lease: {
    leaseSeconds: 3600,
    quarantineSeconds: 100,
    softwire: null,
    softwireForbidden: false,
    softwireIntervalSeconds: 60,
    source: decodeHex("fe80000000000000000000000000000a"),
    relayPath: new Uint8Array(),
    ...lease,
  },
  takesOfferedSeconds: false,
  sourceMustMatch: false,
  ...fields,
});

/** Releases a slot. */
export const endClaim = (client: number, slot: number, fields: Partial<EndClaim> = {}): EndClaim => ({
  ...claimant(client),
  kind: "end",
  slots: { first: slot, last: slot, step: 1 },
  as: "released",
  quarantineSeconds: 100,
  ...fields,
});

/** Reads what the client holds, without a change. */
export const lookClaim = (client: number): LookClaim => ({ ...claimant(client), kind: "look" });

/** Number of the held slot within its pool; undefined when the client holds none. */
export const slotNumber = (fact: Fact | undefined): number | undefined =>
  fact?.held ? numberOfSlot(fact.held.slot) : undefined;

/** Key of a slot of a pool. */
export const slotKey = (slot: number, pool = 1): number => keyOf(pool, slot);
