/**
 * How full are the pools? Every slot is in one of five states: free, offered, bound, quarantined, reserved.
 *
 * No index has the state of a lease, and none may: it would be written at each renewal. `lease_by_free_at`, which is
 * there, is enough to look at few rows:
 *
 * - A slot without a row is free. Rows are counted without looking at them: `pool.cursor` lie below the cursor, and
 *   the others, that were given out on request, are counted ahead of it.
 * - What is free again (`free_at <= now`) is counted in the index alone.
 * - What is offered, or quarantined after its end, has a `free_at` not farther off than the domain holds pairs: at
 *   most the quarantine, or the hold of an offer, from now. These rows are looked at. So are those that are reserved
 *   (`free_at` is never), and those that have lost their client (declined, moved), by `lease_by_client`.
 * - What is left is bound: nobody looks at the millions that are.
 *
 * All counts go by slices, so that an embedded database holds nobody up for long. They begin small, and grow as long
 * as the database is fast: a file that is not in memory yet is read from the disk, in no order. Where the first slice
 * is enough, all is counted in one transaction. Otherwise leases may change between slices; the sum is the pool's
 * slots all the same.
 *
 * @module
 */
import type { Client, InStatement } from "@libsql/client";
import {
  countSliceMs,
  countSliceRowsFirst,
  countSliceRowsMax,
  countSliceRowsMin,
  statisticsAgeFactor,
  statisticsAgeMsMin,
} from "../../limits.ts";
import { scopeArguments, scopeCondition } from "../database/databases.ts";
import type { Place } from "../database/databases.ts";
import { freeNever, LeaseState } from "../database/schema.ts";
import { argumentsOf, createSliceSizer, letOthersRun } from "../database/slices.ts";
import type { SliceRows, SliceSizer } from "../database/slices.ts";

const { offered, bound } = LeaseState;

/** What the slots of a pool are used for. `free + offered + bound + quarantined + reserved = total`. */
export interface SlotCounts {
  readonly total: number;
  /** Never used, or free again: whoever asks may get them. */
  readonly free: number;
  readonly offered: number;
  readonly bound: number;
  /** Ended, declined or moved away from, and still kept from other clients. */
  readonly quarantined: number;
  /** Kept for one client that does not use it now. One that it does use is bound. */
  readonly reserved: number;
}

/** The counts of one pool. */
export interface PoolStatistics extends SlotCounts {
  readonly poolId: number;
  readonly pool: string;
  readonly domain: string;
}

/** Clocks of tests, and the size of slices. */
export interface StatisticsOptions {
  /** Unix seconds to judge by in place of the database's clock. */
  readonly now?: number | undefined;
  /** Milliseconds of any clock that goes forward: slices are made to fit by it. */
  readonly clockMs?: (() => number) | undefined;
  /** Rows that one statement looks at. */
  readonly sliceRows?: SliceRows | undefined;
}

const usualSliceRows = { first: countSliceRowsFirst, min: countSliceRowsMin, max: countSliceRowsMax };

interface PoolRow {
  readonly id: number;
  readonly name: string;
  readonly domain: string;
  readonly slots: number;
  readonly cursor: number;
  /** No pair that is not in use is held longer than this, in seconds. */
  readonly hold: number;
  readonly now: number;
}

/**
 * Rows of a pool behind `:after` and `:afterSlot`, whose `free_at` is not behind `:end`, by the time at which they are
 * free: one slice of them. Many may be free in the same second, so the slot says where in that second a slice ends.
 */
const behind = `pool_id = :pool AND (free_at, lease.slot) > (:after, :afterSlot)`;
const slice = `WITH edge(last, slot) AS MATERIALIZED (SELECT * FROM (
    SELECT free_at, slot FROM lease WHERE ${behind} AND free_at <= :end ORDER BY free_at, slot LIMIT 1 OFFSET :limit - 1)
    UNION ALL SELECT NULL, NULL LIMIT 1)`;
const ofSlice = `last, edge.slot AS lastSlot FROM edge CROSS JOIN lease
    WHERE ${behind} AND free_at <= coalesce(last, :end) AND (last IS NULL OR (free_at, lease.slot) <= (last, edge.slot))`;

/** Offers and leases that run. */
const running = `coalesce(sum(state = ${offered} AND expires_at > :now), 0) AS offered,
    coalesce(sum(state = ${bound} AND expires_at > :now), 0) AS bound`;

const ofSlots = `iif(count(*) < :limit, NULL, max(slot)) AS last`;

/**
 * The statements. Each but the first counts one slice, behind `:after`, and says as `last` where it ends: null for the
 * last. A test reads their query plans.
 */
export const countStatements = {
  pools: `SELECT p.id, p.name, d.name AS domain, p.slots, p.cursor, coalesce(CAST(:now AS INTEGER), unixepoch()) AS now,
    max(d.settings ->> '$.quarantineSeconds', d.settings ->> '$.offerHoldSeconds',
      coalesce((SELECT iif(h.until > coalesce(CAST(:now AS INTEGER), unixepoch()), h.seconds, 0)
                FROM longer_hold h WHERE h.domain_id = d.id), 0)) AS hold
    FROM pool p JOIN domain d ON d.id = p.domain_id WHERE ${scopeCondition("d.name")} ORDER BY d.id, p.id`,
  /** Rows that were made ahead of the cursor. */
  ahead: `SELECT count(*) AS rows, ${ofSlots} FROM (
    SELECT slot FROM lease WHERE slot > :after AND slot <= :end ORDER BY slot LIMIT :limit)`,
  /** Free again: in the index alone. */
  free: `${slice} SELECT count(*) AS rows, ${ofSlice}`,
  /** What may be offered or quarantined: its row says. */
  near: `${slice} SELECT count(*) AS rows, ${running}, ${ofSlice}`,
  /** Reserved: in use or not. */
  reserved: `SELECT count(*) AS rows, ${running}, ${ofSlots} FROM (
    SELECT slot, state, expires_at FROM lease WHERE pool_id = :pool AND free_at = ${freeNever} AND slot > :after
    ORDER BY slot LIMIT :limit)`,
  /** Held for longer than the near rows, and by nobody: declined, or moved away from. */
  clientless: `SELECT coalesce(sum(free_at > :now + :hold AND free_at < ${freeNever}), 0) AS rows, ${ofSlots} FROM (
    SELECT slot, free_at FROM lease WHERE domain_id = (SELECT domain_id FROM pool WHERE id = :pool)
    AND client_id IS NULL AND slot > :after AND slot <= :end ORDER BY slot LIMIT :limit)`,
} as const;

type CountName = Exclude<keyof typeof countStatements, "pools">;

/** What one statement has counted. */
interface Tally {
  rows: number;
  offered: number;
  bound: number;
}

/** A count that may need several slices. */
interface Count {
  readonly name: CountName;
  readonly tally: Tally;
  /** Behind which free_at or slot the next slice begins; null when all is counted. */
  after: number | null;
  /** Behind which slot of that free_at. */
  afterSlot: number;
  readonly end: number;
}

const slotsPerPool = 2 ** 32;
const noSlot = Number.MAX_SAFE_INTEGER;

/**
 * Counts the slots of all pools by what they are used for.
 *
 * @returns One entry for each pool, in the order in which domains and pools were made.
 * @throws {LibsqlError} When the database can't be reached.
 */
export async function countSlots(
  { database, scope }: Place,
  { now, clockMs = () => performance.now(), sliceRows = usualSliceRows }: StatisticsOptions = {},
): Promise<readonly PoolStatistics[]> {
  const args = { now: now === undefined ? null : BigInt(now), ...scopeArguments(scope) };
  const sizer = createSliceSizer(sliceRows, countSliceMs, clockMs);
  const { rows } = await sizer.ask(() => database.execute({ sql: countStatements.pools, args }));
  const statistics: PoolStatistics[] = [];
  for (const row of rows) statistics.push(await countPool(database, row as unknown as PoolRow, sizer));
  return statistics;
}

async function countPool(client: Client, pool: PoolRow, sizer: SliceSizer): Promise<PoolStatistics> {
  const [first, last] = [pool.id * slotsPerPool, pool.id * slotsPerPool + pool.slots - 1];
  const counts = {
    ahead: countOf("ahead", first + pool.cursor - 1, last),
    free: countOf("free", -1, pool.now),
    near: countOf("near", pool.now, pool.now + pool.hold),
    reserved: countOf("reserved", first - 1, last),
    clientless: countOf("clientless", first - 1, last),
  };
  let waiting = Object.values(counts);
  while (waiting.length > 0) {
    await letOthersRun();
    const statements = waiting.map((count) => statementOf(count, pool, sizer.rows()));
    const results = await sizer.run(() => client.batch(statements, "read"));
    for (const [index, count] of waiting.entries()) addSlice(count, results[index]!.rows[0]!);
    waiting = waiting.filter((count) => count.after !== null);
  }
  return { poolId: pool.id, pool: pool.name, domain: pool.domain, ...slotCountsOf(pool, counts) };
}

function countOf(name: CountName, after: number, end: number): Count {
  return { name, tally: { rows: 0, offered: 0, bound: 0 }, after, afterSlot: noSlot, end };
}

function statementOf(count: Count, pool: PoolRow, sliceRows: number): InStatement {
  const sql = countStatements[count.name];
  const values = {
    now: pool.now,
    hold: pool.hold,
    pool: pool.id,
    after: count.after!,
    afterSlot: count.afterSlot,
    end: count.end,
    limit: sliceRows,
  };
  return { sql, args: argumentsOf(sql, values) };
}

function addSlice(count: Count, row: Readonly<Record<string, unknown>>): void {
  count.tally.rows += Number(row.rows);
  count.tally.offered += Number(row.offered ?? 0);
  count.tally.bound += Number(row.bound ?? 0);
  count.after = row.last === null ? null : Number(row.last);
  count.afterSlot = Number(row.lastSlot ?? noSlot);
}

/** Leases may have changed between slices: what is left for bound and free is never less than nothing. */
function slotCountsOf(pool: PoolRow, counts: Record<CountName, Count>): SlotCounts {
  const { ahead, free, near, reserved, clientless } = counts;
  const rows = Math.min(pool.slots, pool.cursor + ahead.tally.rows);
  const offers = near.tally.offered + reserved.tally.offered;
  const kept = reserved.tally.rows - reserved.tally.offered - reserved.tally.bound;
  const ended = near.tally.rows - near.tally.offered - near.tally.bound + clientless.tally.rows;
  const others = offers + kept + ended;
  const inUse = Math.max(0, rows - free.tally.rows - others);
  return {
    total: pool.slots,
    free: pool.slots - others - inUse,
    offered: offers,
    bound: inUse,
    quarantined: ended,
    reserved: kept,
  };
}

/** Adds up pools: those of a domain, or all. */
export function addSlotCounts(counts: readonly SlotCounts[]): SlotCounts {
  const sum = { total: 0, free: 0, offered: 0, bound: 0, quarantined: 0, reserved: 0 };
  for (const each of counts) {
    for (const key of Object.keys(sum) as (keyof SlotCounts)[]) sum[key] += each[key];
  }
  return sum;
}

/** Statistics that are counted when they are asked for, and kept for a while. */
export type SlotCounter = () => Promise<readonly PoolStatistics[]>;

/**
 * Creates a counter that counts at most a twentieth of the time. Who asks while it counts waits for the same count.
 *
 * @param clockMs Milliseconds of any clock that goes forward.
 */
export function createSlotCounter(
  place: Place,
  {
    now,
    clockMs = () => Date.now(),
  }: { now?: (() => number | undefined) | undefined; clockMs?: () => number } = {},
): SlotCounter {
  let counting: Promise<readonly PoolStatistics[]> | undefined;
  let goodUntil = -Infinity;
  return () => {
    if (counting !== undefined && clockMs() < goodUntil) return counting;
    const begin = clockMs();
    goodUntil = Infinity;
    const current = countSlots(place, { now: now?.() });
    counting = current;
    current.then(
      () => {
        const end = clockMs();
        goodUntil = end + Math.max(statisticsAgeMsMin, (end - begin) * statisticsAgeFactor);
      },
      () => (counting = undefined),
    );
    return current;
  };
}
