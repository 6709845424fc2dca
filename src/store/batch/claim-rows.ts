/**
 * The rows in which claims are passed to statements. A format defines the fields once, both for the code that writes a
 * row (`cells.ts`) and for the statement that reads it.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { BindClaim, Claim, EndClaim, LeaseTerms, OfferClaim } from "../../lease/claim.ts";
import { LeaseState } from "../database/schema.ts";
import {
  addressCell,
  CellWriter,
  field,
  flagCell,
  hexCell,
  listCell,
  numberCell,
  octetsCell,
  optionalAddressCell,
  optionalNumberCell,
  textCell,
} from "./cells.ts";
import type { Field } from "./cells.ts";

/** Rows as two parameters of a statement. */
export interface Rows {
  readonly cells: Uint8Array;
  /** Position of each row in `cells`, from 1. */
  readonly positions: readonly number[];
}

/** The format of one kind of row. */
export interface RowFormat<C, Name extends string> {
  readonly write: (claims: readonly C[]) => Rows;
  /**
   * The column `ordinal`, the column `position` and columns of the format, for a SELECT from `json_each(positions)`.
   *
   * @param cells The parameter that has the rows.
   * @param names Fields that the statement uses for each row. Other fields are read with {@link RowFormat.read}.
   */
  readonly columns: (cells: SQL, ...names: readonly Name[]) => SQL;
  /** Reads a field of the row at a position. */
  readonly read: (cells: SQL, position: SQL, name: Name) => SQL;
}

/** All formats write with it, one after the other. */
const writer = new CellWriter();

/** @param fields In the order of the cells. The names are those of the columns. */
export function rowFormat<C, Name extends string>(
  fields: Readonly<Record<Name, Field<C>>>,
): RowFormat<C, Name> {
  const list = Object.values<Field<C>>(fields);
  const offsets = new Map<string, number>();
  let octets = 0;
  for (const [name, cell] of Object.entries<Field<C>>(fields)) {
    offsets.set(name, octets);
    octets += cell.octets;
  }
  const read = (cells: SQL, position: SQL, name: Name): SQL =>
    fields[name].read(cells, sql`${position} + ${sql.raw(String(offsets.get(name)))}`);
  return {
    write: (claims) => {
      writer.reset();
      const positions = claims.map((claim) => {
        const row = writer.addRow(octets);
        let at = row;
        for (const cell of list) {
          cell.write(writer, at, claim);
          at += cell.octets;
        }
        return row + 1;
      });
      return { cells: writer.finish(), positions };
    },
    columns: (cells, ...names) => {
      const columns = names.map((name) => sql`${read(cells, sql`value`, name)} AS ${sql.raw(name)}`);
      return sql.join([sql`key AS ordinal, value AS position`, ...columns], sql`, `);
    },
    read,
  };
}

/** A key, or a number of seconds. */
const number32 = 10;
/** A slot. */
const number53 = 16;

/** Domain and client. Every format begins with them. */
const claimantFields = {
  domain_id: field(numberCell(number32), ({ domainId }: Claim) => domainId),
  client_id: field(hexCell, ({ clientId }: Claim) => clientId),
  line: field(textCell, ({ line }: Claim) => line),
};

const siteFields = {
  site: field(textCell, ({ site }: Claim) => site),
  site_max: field(optionalNumberCell(number32), ({ siteLeasesMax }: Claim) => siteLeasesMax),
};

/** The rows of the parameters `offers` and `hints`. */
export const offerRows = rowFormat({
  ...claimantFields,
  ...siteFields,
  hold: field(numberCell(number32), (claim: OfferClaim) => claim.offerHoldSeconds),
  pool_ids: field(listCell, (claim: OfferClaim) => claim.poolIds),
  lease_seconds: field(numberCell(number32), (claim: OfferClaim) => claim.leaseSeconds),
  wanted_slots: field(listCell, (claim: OfferClaim) => claim.wantedSlots),
  remaining_max: field(optionalNumberCell(number32), (claim: OfferClaim) => claim.remainingSecondsMax),
});

/** A REQUEST, or a DISCOVER whose offer becomes a lease at once. */
type BindingClaim = (BindClaim | OfferClaim) & { readonly lease: LeaseTerms };

/** The slots that a claim names; null for a DISCOVER, which names none. */
const slotsOf = (claim: BindingClaim) => (claim.kind === "bind" ? claim.slots : null);

/** The rows of the parameter `binds`. */
export const bindRows = rowFormat({
  ...claimantFields,
  ...siteFields,
  first_slot: field(optionalNumberCell(number53), (claim: BindingClaim) => slotsOf(claim)?.first ?? null),
  last_slot: field(optionalNumberCell(number53), (claim: BindingClaim) => slotsOf(claim)?.last ?? null),
  slot_step: field(optionalNumberCell(number53), (claim: BindingClaim) => slotsOf(claim)?.step ?? null),
  oldest_state: field(numberCell(1), (claim: BindingClaim) =>
    claim.kind === "bind" && claim.accepts === "lease" ? LeaseState.bound : LeaseState.offered,
  ),
  source_must_match: field(flagCell, (claim: BindingClaim) => claim.kind === "bind" && claim.sourceMustMatch),
  takes_offered: field(flagCell, (claim: BindingClaim) => claim.kind === "bind" && claim.takesOfferedSeconds),
  wanted_seconds: field(numberCell(number32), ({ lease }: BindingClaim) => lease.leaseSeconds),
  quarantine: field(numberCell(number32), ({ lease }: BindingClaim) => lease.quarantineSeconds),
  softwire: field(optionalAddressCell, ({ lease }: BindingClaim) => lease.softwire),
  softwire_forbidden: field(flagCell, ({ lease }: BindingClaim) => lease.softwireForbidden),
  softwire_interval: field(numberCell(number32), ({ lease }: BindingClaim) => lease.softwireIntervalSeconds),
  source: field(addressCell, ({ lease }: BindingClaim) => lease.source),
  relay_path: field(octetsCell, ({ lease }: BindingClaim) => lease.relayPath),
  pool_ids: field(listCell, (claim: BindingClaim) => (claim.kind === "bind" ? null : claim.poolIds)),
});

/** @returns The claims for the parameter `binds`. */
export function bindingsOf(claims: readonly Claim[]): BindingClaim[] {
  return claims.filter(
    (claim): claim is BindingClaim =>
      (claim.kind === "bind" || claim.kind === "offer") && claim.lease !== null,
  );
}

/** The rows of the parameter `ends`. */
export const endRows = rowFormat({
  ...claimantFields,
  first_slot: field(optionalNumberCell(number53), ({ slots }: EndClaim) => slots?.first ?? null),
  last_slot: field(optionalNumberCell(number53), ({ slots }: EndClaim) => slots?.last ?? null),
  slot_step: field(optionalNumberCell(number53), ({ slots }: EndClaim) => slots?.step ?? null),
  newest_state: field(numberCell(1), (claim: EndClaim) =>
    claim.as === "withdrawn" ? LeaseState.offered : LeaseState.bound,
  ),
  state: field(numberCell(1), (claim: EndClaim) =>
    claim.as === "declined" ? LeaseState.declined : LeaseState.released,
  ),
  quarantine: field(numberCell(number32), ({ quarantineSeconds }: EndClaim) => quarantineSeconds),
});

/** A claim that asks for a pair and got none has a reason in its site or its pools. */
const offerOf = (claim: Claim) => (claim.kind === "offer" ? claim : undefined);

/** The rows of the parameter `all`: the values that facts depend on. */
export const factRows = rowFormat({
  ...claimantFields,
  softwire: field(optionalAddressCell, (claim: Claim) =>
    claim.kind === "offer" || claim.kind === "bind" ? (claim.lease?.softwire ?? null) : null,
  ),
  first_slot: field(optionalNumberCell(number53), (claim: Claim) =>
    claim.kind === "bind" ? claim.slots.first : null,
  ),
  site_max: field(optionalNumberCell(number32), (claim: Claim) => offerOf(claim)?.siteLeasesMax ?? null),
  site: field(textCell, (claim: Claim) => offerOf(claim)?.site ?? ""),
  pool_ids: field(listCell, (claim: Claim) => offerOf(claim)?.poolIds ?? null),
});

/** Formats the parameter `pools`: the ids of the pools from which a batch may take new slots. */
export function formatPools(claims: readonly OfferClaim[]): string {
  return JSON.stringify([...new Set(claims.flatMap((claim) => claim.poolIds))]);
}
