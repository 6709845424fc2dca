/**
 * Searches for leases in one database.
 *
 * **Cost of a search.** Leases are found by index if an address, a client identifier, a softwire address or a customer
 * site is given. A DUID alone (the end of the client identifier, RFC 4361), a source address, a state and an expiry
 * have no index, because each further index would slow down renewals. They are filters: without an indexed criterion, a
 * search reads a limited number of rows in slot order, and returns where the next search continues.
 *
 * @module
 */
import { and, sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import type { SlotRange } from "../../lease/claim.ts";
import { leaseScanRows } from "../../limits.ts";
import { slotKey } from "../../portset/slot-key.ts";
import type { Database } from "../database/database.ts";
import { statementOf } from "../database/queries.ts";
import { lease } from "../database/schema.ts";
import { rowsOf, selectionOf } from "../database/selection.ts";
import { poolOfSlotSql } from "../database/slot-sql.ts";
import { clockSeconds } from "../database/time.ts";
import { leaseColumns, leaseOfRow } from "./lease-rows.ts";
import type { LeaseRecord } from "./lease-rows.ts";
import type { SlotState } from "./slot-state.ts";

/** The criteria of a search. A lease must match all of them. */
export interface LeaseFilter {
  /** Only leases of these domains. */
  readonly domainIds: readonly number[];
  readonly slots?: SlotRange | undefined;
  readonly poolId?: number | undefined;
  readonly clientId?: Uint8Array | undefined;
  readonly duid?: Uint8Array | undefined;
  readonly softwire?: Uint8Array | undefined;
  readonly source?: Uint8Array | undefined;
  readonly site?: string | undefined;
  readonly state?: SlotState | undefined;
  /** Unix seconds: the lease expires at `expiresFrom` or later, and before `expiresBefore`. */
  readonly expiresFrom?: number | undefined;
  readonly expiresBefore?: number | undefined;
}

/** The page of a search. */
export interface SearchPage {
  /** Only slots after this one; undefined for all. */
  readonly after: number | undefined;
  /** Maximum number of leases. */
  readonly limit: number;
  /** Maximum number of rows that the search reads. Default: {@link leaseScanRows}. */
  readonly scanRows?: number | undefined;
}

/** The leases that were found, in slot order. */
export interface FoundLeases {
  readonly leases: readonly LeaseRecord[];
  /**
   * The slot after which the search continues; null on the last page. Any page may be empty.
   */
  readonly next: number | null;
}

/** Lower than every slot. */
export const beforeAllSlots = -1;

/** How a search finds rows: by the index of a criterion, or by a scan. */
export type SearchAccess = "slots" | "clientId" | "softwire" | "site" | "scan";

/** @returns The most selective access that the filter allows. */
export function accessOf(filter: LeaseFilter): SearchAccess {
  if (filter.slots !== undefined) return "slots";
  if (filter.clientId !== undefined) return "clientId";
  if (filter.softwire !== undefined) return "softwire";
  return filter.site === undefined ? "scan" : "site";
}

const listed = (column: Column | SQL, values: readonly number[]): SQL =>
  sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;

/** The condition that the index is searched with; for a scan, the range of slots. */
function accessCondition(filter: LeaseFilter, after: number): SQL {
  const { domainIds, slots, poolId, clientId, softwire, site } = filter;
  const isAfter = sql`${lease.slot} > ${after}`;
  switch (accessOf(filter)) {
    case "slots":
      return sql`${listed(lease.slot, slots === undefined ? [] : slotsOf(slots))} AND ${isAfter}`;
    case "clientId":
      return sql`${listed(lease.domainId, domainIds)} AND ${lease.clientId} = ${clientId} AND ${isAfter}`;
    case "softwire":
      return sql`${lease.softwire} = ${softwire} AND ${lease.softwire} IS NOT NULL AND ${isAfter}`;
    case "site":
      return sql`${listed(lease.domainId, domainIds)} AND ${lease.site} = ${site} AND ${lease.site} IS NOT NULL
        AND ${isAfter}`;
    case "scan": {
      const begin = poolId === undefined ? beforeAllSlots : slotKey(poolId, 0) - 1;
      const end = poolId === undefined ? Number.MAX_SAFE_INTEGER : slotKey(poolId + 1, 0) - 1;
      return sql`${lease.slot} > ${Math.max(after, begin)} AND ${lease.slot} <= ${end}`;
    }
  }
}

/** All criteria as one condition on the rows that were read. */
function filterCondition(filter: LeaseFilter): SQL | undefined {
  const { domainIds, poolId, clientId, duid, softwire, source, site, state } = filter;
  const { expiresFrom, expiresBefore } = filter;
  const column = (name: keyof ReturnType<typeof leaseColumns>): SQL => sql`${sql.identifier(name)}`;
  const equal = (name: Parameters<typeof column>[0], value: Uint8Array | string | undefined) =>
    value === undefined ? undefined : sql`${column(name)} = ${value}`;
  return and(
    listed(column("domainId"), domainIds),
    poolId === undefined ? undefined : sql`${poolOfSlotSql(column("slot"))} = ${poolId}`,
    equal("clientId", clientId),
    duid === undefined ? undefined : endsWithDuid(column("clientId"), duid),
    equal("softwire", softwire),
    equal("source", source),
    equal("site", site),
    equal("state", state),
    expiresFrom === undefined ? undefined : sql`${column("expiresAt")} >= ${expiresFrom}`,
    expiresBefore === undefined ? undefined : sql`${column("expiresAt")} < ${expiresBefore}`,
  );
}

/** A condition: the client identifier (RFC 4361: type 255, an IAID of 4 octets, the DUID) has the given DUID. */
function endsWithDuid(clientId: SQL, duid: Uint8Array): SQL {
  return sql`(length(${clientId}) = ${duid.length + 5} AND substr(${clientId}, 1, 1) = X'FF'
    AND substr(${clientId}, 6) = ${duid})`;
}

function slotsOf({ first, last, step }: SlotRange): number[] {
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);
}

const edge = { scannedRows: sql<number>`count(*)`, last: sql<number | null>`max(slot)` };

/**
 * The statement of a search. A test reads its query plans.
 *
 * @param now Unix seconds.
 * @param limit Maximum number of leases that it returns.
 */
export function searchStatement(
  now: SQL,
  filter: LeaseFilter,
  { after = beforeAllSlots, limit, scanRows = leaseScanRows }: SearchPage,
): SQL {
  const clock = sql`clock.now`;
  return sql`WITH scanned AS MATERIALIZED (
      SELECT ${selectionOf(leaseColumns(clock))} FROM (SELECT ${now} AS now) AS clock CROSS JOIN ${lease}
      WHERE ${accessCondition(filter, after)} ORDER BY ${lease.slot} LIMIT ${scanRows}
    )
    SELECT edge.*, found.* FROM (SELECT ${selectionOf(edge)} FROM scanned) edge
    LEFT JOIN (SELECT * FROM scanned WHERE ${filterCondition(filter)} ORDER BY slot LIMIT ${limit}) found`;
}

/** The columns of {@link searchStatement}. If no lease was found, there is one row without a lease. */
const found = { ...edge, ...leaseColumns(sql`NULL`), slot: sql<number | null>`slot` };

/**
 * Searches one database.
 *
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function searchLeases(
  database: Database,
  filter: LeaseFilter,
  page: SearchPage,
): Promise<FoundLeases> {
  const { limit, scanRows = leaseScanRows } = page;
  const statement = searchStatement(clockSeconds(database), filter, { ...page, limit: limit + 1 });
  const [result] = await database.read([statementOf(statement)]);
  const rows = rowsOf(found, result!);
  const leases = rows.flatMap(({ slot, ...row }) => (slot === null ? [] : [leaseOfRow({ slot, ...row })]));
  if (leases.length > limit) return { leases: leases.slice(0, limit), next: leases[limit - 1]!.slot };
  const { scannedRows, last } = rows[0]!;
  return { leases, next: scannedRows < scanRows ? null : last };
}
