/**
 * The statements that count slots, and the columns that they select. A test reads their query plans.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { inScope } from "../database/databases.ts";
import type { DomainScope } from "../database/databases.ts";
import { domain, freeNever, lease, LeaseState, longerHold, pool } from "../database/schema.ts";
import { selectionOf } from "../database/selection.ts";

/** A pool whose slots are counted, and the time of the count. */
export interface CountedPool {
  readonly id: number;
  /** Upper bound on the time for which a pair that is not in use is held, in seconds. */
  readonly hold: number;
  /** Unix seconds. */
  readonly now: number;
}

/** A slice of rows: it begins after the previous slice. */
export interface Slice {
  /** `free_at` or slot of the last row of the previous slice. */
  readonly after: number;
  /** If `after` is a `free_at`: the slot of that row, because many slots may become free in the same second. */
  readonly afterSlot: number;
  /** The last `free_at` or slot of all slices. */
  readonly end: number;
  /** Maximum number of rows in the slice. */
  readonly limit: number;
}

/** The columns that {@link countStatements} select. */
export const countSelections = {
  clock: (now: SQL) => ({ now: sql<number>`${now}` }),
  pools: (now: SQL) => ({
    id: pool.id,
    name: pool.name,
    domain: domain.name,
    slots: pool.slots,
    cursor: pool.cursor,
    now: sql<number>`${now}`,
    /** A part of a second longer than the settings, because statements round the end of a hold up. */
    hold: sql<number>`1 + max(${domain.settings} ->> '$.quarantineSeconds', ${domain.settings} ->> '$.offerHoldSeconds',
      coalesce((SELECT iif(${longerHold.until} >= ${now}, ${longerHold.seconds}, 0) FROM ${longerHold}
        WHERE ${longerHold.domainId} = ${domain.id}), 0))`,
  }),
  /** The counts of one slice, and its last row; `last` is null for the last slice. */
  slice: {
    rows: sql<number>`rows`,
    offered: sql<number>`offered`,
    bound: sql<number>`bound`,
    last: sql<number | null>`last`,
    lastSlot: sql<number | null>`last_slot`,
  },
};

/** Alias for the slice of rows that a statement reads. */
const scanned = alias(lease, "scanned");

type LeaseRows = typeof lease | typeof scanned;

const runningCount = (row: LeaseRows, state: LeaseState, now: number): SQL =>
  sql`coalesce(sum(${row.state} = ${state} AND ${row.expiresAt} > ${now}), 0)`;

/** Running offers and leases. */
const running = (row: LeaseRows, now: number): SQL =>
  sql`${runningCount(row, LeaseState.offered, now)} AS offered, ${runningCount(row, LeaseState.bound, now)} AS bound`;

const noneRunning = sql`0 AS offered, 0 AS bound`;

/** The end of a slice that is ordered by slot. */
const endOfSlots = (limit: number): SQL =>
  sql`iif(count(*) < ${limit}, NULL, max(${scanned.slot})) AS last, NULL AS last_slot`;

/** A condition: the row of the pool comes after the previous slice, ordered by `free_at` and slot. */
const isAfter = ({ id }: CountedPool, { after, afterSlot }: Slice): SQL =>
  sql`${lease.poolId} = ${id} AND (${lease.freeAt}, ${lease.slot}) > (${after}, ${afterSlot})`;

/** One slice, ordered by `free_at`. `counts` defines what is counted in it. */
function sliceByTime(counted: CountedPool, slice: Slice, counts: SQL): SQL {
  const { end, limit } = slice;
  return sql`WITH edge(last, slot) AS MATERIALIZED (SELECT * FROM (
      SELECT ${lease.freeAt}, ${lease.slot} FROM ${lease} WHERE ${isAfter(counted, slice)} AND ${lease.freeAt} <= ${end}
      ORDER BY ${lease.freeAt}, ${lease.slot} LIMIT 1 OFFSET ${limit - 1})
      UNION ALL SELECT NULL, NULL LIMIT 1)
    SELECT count(*) AS rows, ${counts}, edge.last AS last, edge.slot AS last_slot FROM edge CROSS JOIN ${lease}
    WHERE ${isAfter(counted, slice)} AND ${lease.freeAt} <= coalesce(edge.last, ${end})
      AND (edge.last IS NULL OR (${lease.freeAt}, ${lease.slot}) <= (edge.last, edge.slot))`;
}

/** The statements. All except `clock` and `pools` count one slice of a pool. */
export const countStatements = {
  clock: (now: SQL): SQL => sql`SELECT ${selectionOf(countSelections.clock(now))}`,
  pools: (now: SQL, scope: DomainScope): SQL => sql`
    SELECT ${selectionOf(countSelections.pools(now))} FROM ${pool} JOIN ${domain} ON ${domain.id} = ${pool.domainId}
    WHERE ${inScope(domain.name, scope)} ORDER BY ${domain.id}, ${pool.id}`,
  /** Rows that were created ahead of the cursor. */
  ahead: (_: CountedPool, { after, end, limit }: Slice): SQL => sql`
    SELECT count(*) AS rows, ${noneRunning}, ${endOfSlots(limit)} FROM (SELECT ${lease.slot} FROM ${lease}
      WHERE ${lease.slot} > ${after} AND ${lease.slot} <= ${end} ORDER BY ${lease.slot} LIMIT ${limit}) AS ${scanned}`,
  /** Slots that are free again, read from the index alone. */
  free: (counted: CountedPool, slice: Slice): SQL => sliceByTime(counted, slice, noneRunning),
  /** Slots that may be offered or quarantined; the state in the row decides. */
  near: (counted: CountedPool, slice: Slice): SQL => sliceByTime(counted, slice, running(lease, counted.now)),
  /** Reserved slots, in use or not. */
  reserved: ({ id, now }: CountedPool, { after, limit }: Slice): SQL => sql`
    SELECT count(*) AS rows, ${running(scanned, now)}, ${endOfSlots(limit)} FROM (
      SELECT ${lease.slot}, ${lease.state}, ${lease.expiresAt} FROM ${lease}
      WHERE ${lease.poolId} = ${id} AND ${lease.freeAt} = ${freeNever} AND ${lease.slot} > ${after}
      ORDER BY ${lease.slot} LIMIT ${limit}) AS ${scanned}`,
  /** Slots without a client (declined or moved away from) whose `free_at` is too late for `near`. */
  clientless: ({ id, now, hold }: CountedPool, { after, end, limit }: Slice): SQL => sql`
    SELECT coalesce(sum(${scanned.freeAt} > ${now + hold} AND ${scanned.freeAt} < ${freeNever}), 0) AS rows,
      ${noneRunning}, ${endOfSlots(limit)} FROM (SELECT ${lease.slot}, ${lease.freeAt} FROM ${lease}
      WHERE ${lease.domainId} = (SELECT ${pool.domainId} FROM ${pool} WHERE ${pool.id} = ${id})
        AND ${lease.clientId} IS NULL AND ${lease.line} = '' AND ${lease.slot} > ${after} AND ${lease.slot} <= ${end}
      ORDER BY ${lease.slot} LIMIT ${limit}) AS ${scanned}`,
  /** Slots kept for a client that was told to move and has no new lease yet, whose `free_at` is too late for `near`. */
  moved: ({ now, hold }: CountedPool, { after, end, limit }: Slice): SQL => {
    const isLate = sql`${scanned.freeAt} > ${now + hold} AND ${scanned.freeAt} < ${freeNever}
      AND ${scanned.clientId} IS NOT NULL`;
    return sql`
    SELECT count(*) FILTER (WHERE ${isLate}) AS rows,
      coalesce(sum(${scanned.state} = ${LeaseState.offered} AND ${scanned.expiresAt} > ${now}) FILTER (WHERE ${isLate}), 0)
        AS offered, 0 AS bound, ${endOfSlots(limit)}
    FROM (SELECT ${lease.slot}, ${lease.clientId}, ${lease.state}, ${lease.expiresAt}, ${lease.freeAt} FROM ${lease}
      WHERE ${lease.moveFrom} IS NOT NULL AND ${lease.slot} > ${after} AND ${lease.slot} <= ${end}
      ORDER BY ${lease.slot} LIMIT ${limit}) AS ${scanned}`;
  },
} as const;

/** A count that is made in slices. */
export type CountName = Exclude<keyof typeof countStatements, "clock" | "pools">;
