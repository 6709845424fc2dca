/**
 * Passes claims to SQL as one JSON array of rows. Each row is an array of plain values. A row format defines the order
 * of the values once, both for the code that fills a row and for the statement that names its columns.
 *
 * (Rows are arrays instead of objects, because a statement spends most of its time finding the fields in the JSON. For the
 * same reason, fields that few claims need are read where they are needed.)
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { BindClaim, Claim, EndClaim, LeaseTerms, OfferClaim } from "../../lease/claim.ts";
import { LeaseState } from "../database/schema.ts";

type Cell = string | number | boolean | null | readonly number[];

/** The format of one kind of row. It builds the JSON, and names the columns that SQL reads from it. */
export interface RowFormat<C> {
  /** @returns The claims as JSON text, for a statement parameter. */
  readonly format: (claims: readonly C[]) => string;
  /** The column `ordinal` and the columns of the format, for a SELECT from `json_each(parameter)`. */
  readonly columns: SQL;
  /** The same without columns that a statement does not use: it would read and copy them for each claim. */
  readonly columnsWithout: (...names: readonly string[]) => SQL;
  /** Reads a field that is not a column, from the row `c`. */
  readonly field: (name: string) => SQL;
}

/**
 * @param names Column names in order, separated by spaces. `#` marks octets, which are passed as hexadecimal and become
 *   a blob. `?` marks fields that are not columns, because few claims need them.
 * @param row The values of a claim, in the same order.
 */
function rowFormat<C>(names: string, row: (claim: C) => readonly Cell[]): RowFormat<C> {
  const fields = names.split(/\s+/);
  const columnsWithout = (...unused: readonly string[]): SQL => {
    const columns = fields.flatMap((name, position) => {
      if (name.startsWith("?") || unused.includes(name)) return [];
      const field = `value ->> ${position}`;
      return [name.startsWith("#") ? `unhex(${field}) AS ${name.slice(1)}` : `${field} AS ${name}`];
    });
    const cells = names.includes("?") ? ["value AS cells"] : [];
    return sql.raw(["key AS ordinal", ...columns, ...cells].join(", "));
  };
  return {
    format: (claims) => JSON.stringify(claims.map(row)),
    columns: columnsWithout(),
    columnsWithout,
    field: (name) => sql.raw(`(c.cells ->> ${fields.indexOf(`?${name}`)})`),
  };
}

/** Domain and client of a row. Every format begins with them. */
export const claimant = { domainId: sql.raw("value ->> 0"), clientId: sql.raw("unhex(value ->> 1)") };

/** The rows of the parameters `offers` and `hints`. */
export const offerRows = rowFormat<OfferClaim>(
  "domain_id #client_id line site_max site hold pool_ids lease_seconds wanted_slots remaining_max",
  (claim) => [
    claim.domainId,
    claim.clientId,
    claim.line,
    claim.siteLeasesMax,
    claim.site,
    claim.offerHoldSeconds,
    claim.poolIds,
    claim.leaseSeconds,
    claim.wantedSlots,
    claim.remainingSecondsMax,
  ],
);

/** A REQUEST, or a DISCOVER whose offer becomes a lease at once. */
type BindingClaim = (BindClaim | OfferClaim) & { readonly lease: LeaseTerms };

/** The rows of the parameter `binds`. A softwire address without octets is one that is forbidden. */
export const bindRows = rowFormat<BindingClaim>(
  `domain_id #client_id line site first_slot last_slot slot_step oldest_state source_must_match takes_offered
   wanted_seconds quarantine #softwire #source #relay_path ?site_max ?pool_ids ?softwire_interval`,
  (claim) => {
    const { lease } = claim;
    return [
      claim.domainId,
      claim.clientId,
      claim.line,
      claim.site,
      claim.kind === "bind" ? claim.slots.first : null,
      claim.kind === "bind" ? claim.slots.last : null,
      claim.kind === "bind" ? claim.slots.step : null,
      claim.kind === "bind" && claim.accepts === "lease" ? LeaseState.bound : LeaseState.offered,
      claim.kind === "bind" && claim.sourceMustMatch,
      claim.kind === "bind" && claim.takesOfferedSeconds,
      lease.leaseSeconds,
      lease.quarantineSeconds,
      lease.softwireForbidden ? "" : lease.softwire,
      lease.source,
      lease.relayPath,
      claim.siteLeasesMax,
      claim.kind === "bind" ? null : claim.poolIds,
      lease.softwireIntervalSeconds,
    ];
  },
);

/** @returns The claims for the parameter `binds`. */
export function bindingsOf(claims: readonly Claim[]): BindingClaim[] {
  return claims.filter(
    (claim): claim is BindingClaim =>
      (claim.kind === "bind" || claim.kind === "offer") && claim.lease !== null,
  );
}

/** The rows of the parameter `ends`. */
export const endRows = rowFormat<EndClaim>(
  "domain_id #client_id line first_slot last_slot slot_step newest_state state quarantine",
  (claim) => [
    claim.domainId,
    claim.clientId,
    claim.line,
    claim.slots?.first ?? null,
    claim.slots?.last ?? null,
    claim.slots?.step ?? null,
    claim.as === "withdrawn" ? LeaseState.offered : LeaseState.bound,
    claim.as === "declined" ? LeaseState.declined : LeaseState.released,
    claim.quarantineSeconds,
  ],
);

/**
 * The rows of the parameter `all`: the values that facts depend on. Only rows of offers name pools and a site, because
 * only an offer needs the reason why its client got no pair.
 */
export const factRows = rowFormat<Claim>(
  "domain_id #client_id line #softwire ?first_slot ?site_max ?site ?pool_ids",
  (claim) => {
    const { domainId, clientId, line } = claim;
    switch (claim.kind) {
      case "offer":
        return [
          domainId,
          clientId,
          line,
          claim.lease?.softwire ?? null,
          null,
          claim.siteLeasesMax,
          claim.site,
          claim.poolIds,
        ];
      case "bind":
        return [domainId, clientId, line, claim.lease.softwire, claim.slots.first];
      default:
        return [domainId, clientId, line];
    }
  },
);

/** Formats the parameter `pools`: the ids of the pools from which a batch may take new slots. */
export function formatPools(claims: readonly OfferClaim[]): string {
  return JSON.stringify([...new Set(claims.flatMap((claim) => claim.poolIds))]);
}
