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

/** The pool that is counted, and the time at which it is counted. */
export interface CountedPool {
  readonly id: number;
  /** Upper bound on how long a pair that is not in use is held, in seconds. */
  readonly hold: number;
  /** Unix seconds. */
  readonly now: number;
}

/** A slice of rows: where the previous one ended, and where the last one ends. */
export interface Slice {
  /** `free_at` or slot of the last row of the previous slice. */
  readonly after: number;
  /** If `after` is a `free_at`: the slot of that row, because many slots may become free in the same second. */
  readonly afterSlot: number;
  readonly end: number;
  /** Rows of the slice. */
  readonly limit: number;
}

/** The columns that {@link countStatements} select. */
export const countSelections = {
  pools: (now: SQL) => ({
    id: pool.id,
    name: pool.name,
    domain: domain.name,
    slots: pool.slots,
    cursor: pool.cursor,
    now: sql<number>`${now}`,
    hold: sql<number>`max(${domain.settings} ->> '$.quarantineSeconds', ${domain.settings} ->> '$.offerHoldSeconds',
      coalesce((SELECT iif(${longerHold.until} > ${now}, ${longerHold.seconds}, 0) FROM ${longerHold}
        WHERE ${longerHold.domainId} = ${domain.id}), 0))`,
  }),
  /** The count of one slice, and where the slice ends: null for the last one. */
  slice: {
    rows: sql<number>`rows`,
    offered: sql<number>`offered`,
    bound: sql<number>`bound`,
    last: sql<number | null>`last`,
    lastSlot: sql<number | null>`last_slot`,
  },
};

/** The slice of slots that a statement reads. */
const looked = alias(lease, "looked");

type LeaseRows = typeof lease | typeof looked;

const runningCount = (row: LeaseRows, state: LeaseState, now: number): SQL =>
  sql`coalesce(sum(${row.state} = ${state} AND ${row.expiresAt} > ${now}), 0)`;

/** Running offers and leases. */
const running = (row: LeaseRows, now: number): SQL =>
  sql`${runningCount(row, LeaseState.offered, now)} AS offered, ${runningCount(row, LeaseState.bound, now)} AS bound`;

const noneRunning = sql`0 AS offered, 0 AS bound`;

/** Where a slice by slot ends. */
const endOfSlots = (limit: number): SQL =>
  sql`iif(count(*) < ${limit}, NULL, max(${looked.slot})) AS last, NULL AS last_slot`;

/** Rows of the pool after those of the previous slice, ordered by `free_at`, and by slot within a second. */
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

/** The statements. Each except the first counts one slice of a pool. */
export const countStatements = {
  pools: (now: SQL, scope: DomainScope): SQL => sql`
    SELECT ${selectionOf(countSelections.pools(now))} FROM ${pool} JOIN ${domain} ON ${domain.id} = ${pool.domainId}
    WHERE ${inScope(domain.name, scope)} ORDER BY ${domain.id}, ${pool.id}`,
  /** Rows that were created ahead of the cursor. */
  ahead: (_: CountedPool, { after, end, limit }: Slice): SQL => sql`
    SELECT count(*) AS rows, ${noneRunning}, ${endOfSlots(limit)} FROM (SELECT ${lease.slot} FROM ${lease}
      WHERE ${lease.slot} > ${after} AND ${lease.slot} <= ${end} ORDER BY ${lease.slot} LIMIT ${limit}) AS ${looked}`,
  /** Slots that are free again, read from the index alone. */
  free: (counted: CountedPool, slice: Slice): SQL => sliceByTime(counted, slice, noneRunning),
  /** Slots that may be offered or quarantined; the state in the row decides. */
  near: (counted: CountedPool, slice: Slice): SQL => sliceByTime(counted, slice, running(lease, counted.now)),
  /** Reserved slots, in use or not. */
  reserved: ({ id, now }: CountedPool, { after, limit }: Slice): SQL => sql`
    SELECT count(*) AS rows, ${running(looked, now)}, ${endOfSlots(limit)} FROM (
      SELECT ${lease.slot}, ${lease.state}, ${lease.expiresAt} FROM ${lease}
      WHERE ${lease.poolId} = ${id} AND ${lease.freeAt} = ${freeNever} AND ${lease.slot} > ${after}
      ORDER BY ${lease.slot} LIMIT ${limit}) AS ${looked}`,
  /** Slots without a client that are held for longer than the near rows: declined, or moved away from. */
  clientless: ({ id, now, hold }: CountedPool, { after, end, limit }: Slice): SQL => sql`
    SELECT coalesce(sum(${looked.freeAt} > ${now + hold} AND ${looked.freeAt} < ${freeNever}), 0) AS rows,
      ${noneRunning}, ${endOfSlots(limit)} FROM (SELECT ${lease.slot}, ${lease.freeAt} FROM ${lease}
      WHERE ${lease.domainId} = (SELECT ${pool.domainId} FROM ${pool} WHERE ${pool.id} = ${id})
        AND ${lease.clientId} IS NULL AND ${lease.line} = '' AND ${lease.slot} > ${after} AND ${lease.slot} <= ${end}
      ORDER BY ${lease.slot} LIMIT ${limit}) AS ${looked}`,
} as const;

/** A count that is made in slices. */
export type CountName = Exclude<keyof typeof countStatements, "pools">;
