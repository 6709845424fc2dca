/**
 * How claims travel into SQL: as one JSON array of rows, each an array of plain values in a fixed order. The order
 * is written once, here, for both sides: what fills a row, and what names its columns in a statement.
 *
 * (Rows of arrays and not of objects: a statement spends most of its time in finding the fields of the JSON.)
 *
 * @module
 */
import type { BindClaim, Claim, EndClaim, LeaseTerms, OfferClaim } from "../lease/claim.ts";
import { LeaseState } from "./schema.ts";

type Value = string | number | boolean | null | readonly number[];

interface Column<C> {
  readonly name: string;
  /** `octets` travel as hexadecimal and become a blob; a list stays JSON. */
  readonly as: "value" | "octets";
  readonly from: (claim: C) => Value;
}

/** One kind of row: fills the JSON, and reads it in SQL. */
export interface RowFormat<C> {
  /** @returns The claims as JSON text, for a parameter. */
  readonly format: (claims: readonly C[]) => string;
  /** Columns `ordinal` and those of the format, for the `SELECT` list over `json_each(parameter)`. */
  readonly columns: string;
}

function rowFormat<C>(columns: readonly Column<C>[]): RowFormat<C> {
  const sqlColumns = columns.map(({ name, as }, position) => {
    const field = `value ->> ${position}`;
    return `${as === "octets" ? `unhex(${field})` : field} AS ${name}`;
  });
  return {
    format: (claims) => JSON.stringify(claims.map((claim) => columns.map((column) => column.from(claim)))),
    columns: ["key AS ordinal", ...sqlColumns].join(", "),
  };
}

const claimant: readonly Column<Claim>[] = [
  { name: "domain_id", as: "value", from: (claim) => claim.domainId },
  { name: "client_id", as: "octets", from: (claim) => claim.clientId },
  { name: "site_max", as: "value", from: (claim) => claim.siteLeasesMax },
];

/** Rows of `:offers` and `:wishes`. */
export const offerRows = rowFormat<OfferClaim>([
  ...claimant,
  { name: "site", as: "value", from: (claim) => claim.site },
  { name: "hold", as: "value", from: (claim) => claim.offerHoldSeconds },
  { name: "pool_ids", as: "value", from: (claim) => claim.poolIds },
  { name: "wanted_slots", as: "value", from: (claim) => claim.wantedSlots },
]);

/** A REQUEST, or a DISCOVER whose offer shall be a lease at once. */
type Binding = BindClaim | (OfferClaim & { readonly lease: LeaseTerms });

const termsOf = (claim: Binding): LeaseTerms => (claim.kind === "bind" ? claim : claim.lease);

/** Rows of `:binds`. */
export const bindRows = rowFormat<Binding>([
  ...claimant,
  { name: "first_slot", as: "value", from: (claim) => (claim.kind === "bind" ? claim.slots.first : null) },
  { name: "last_slot", as: "value", from: (claim) => (claim.kind === "bind" ? claim.slots.last : null) },
  { name: "pool_ids", as: "value", from: (claim) => (claim.kind === "bind" ? null : claim.poolIds) },
  {
    name: "oldest_state",
    as: "value",
    from: (claim) =>
      claim.kind === "bind" && claim.accepts === "lease" ? LeaseState.bound : LeaseState.offered,
  },
  { name: "lease_seconds", as: "value", from: (claim) => termsOf(claim).leaseSeconds },
  { name: "quarantine", as: "value", from: (claim) => termsOf(claim).quarantineSeconds },
  { name: "softwire", as: "octets", from: (claim) => termsOf(claim).softwire },
  { name: "softwire_interval", as: "value", from: (claim) => termsOf(claim).softwireIntervalSeconds },
  { name: "source", as: "octets", from: (claim) => termsOf(claim).source },
  { name: "source_must_match", as: "value", from: (claim) => claim.kind === "bind" && claim.sourceMustMatch },
  { name: "relay_path", as: "octets", from: (claim) => termsOf(claim).relayPath },
]);

/** @returns The claims that `:binds` is made of. */
export function bindingsOf(claims: readonly Claim[]): Binding[] {
  return claims.filter(
    (claim): claim is Binding => claim.kind === "bind" || (claim.kind === "offer" && claim.lease !== null),
  );
}

/** Rows of `:ends`. */
export const endRows = rowFormat<EndClaim>([
  ...claimant,
  { name: "first_slot", as: "value", from: (claim) => claim.slots?.first ?? null },
  { name: "last_slot", as: "value", from: (claim) => claim.slots?.last ?? null },
  {
    name: "newest_state",
    as: "value",
    from: (claim) => (claim.as === "withdrawn" ? LeaseState.offered : LeaseState.bound),
  },
  {
    name: "state",
    as: "value",
    from: (claim) => (claim.as === "declined" ? LeaseState.declined : LeaseState.released),
  },
  { name: "quarantine", as: "value", from: (claim) => claim.quarantineSeconds },
]);

const softwireOf = (claim: Claim): string | null => {
  if (claim.kind === "bind") return claim.softwire;
  return claim.kind === "offer" ? (claim.lease?.softwire ?? null) : null;
};

/** Rows of `:all`: what the facts depend on. */
export const factRows = rowFormat<Claim>([
  ...claimant,
  { name: "site", as: "value", from: (claim) => claim.site },
  { name: "pool_ids", as: "value", from: (claim) => (claim.kind === "offer" ? claim.poolIds : null) },
  { name: "softwire", as: "octets", from: softwireOf },
]);

/**
 * Rows of `:pools`: the pools that a batch may take new slots from.
 *
 * @returns `[[poolId, claims], …]`: how many claims list the pool.
 */
export function formatPools(claims: readonly OfferClaim[]): string {
  const counts = new Map<number, number>();
  for (const claim of claims) {
    for (const poolId of claim.poolIds) counts.set(poolId, (counts.get(poolId) ?? 0) + 1);
  }
  return JSON.stringify([...counts]);
}
