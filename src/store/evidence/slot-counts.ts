/**
 * How full are the pools? Every slot is in one of five states: free, offered, bound, quarantined, reserved.
 *
 * No index has the state of a lease, because each renewal would have to write it. The index `lease_by_free_at` is enough
 * to look at few rows:
 *
 * - A slot without a row is free. Rows are counted without looking at them: `pool.cursor` rows are below the cursor, and
 *   the rows ahead of it, which were given out on request, are counted.
 * - Slots that are free again (`free_at <= now`) are counted in the index alone.
 * - A slot that is offered, or quarantined after its end, has a `free_at` within the time for which the domain holds
 *   pairs: at most the quarantine, or the hold of an offer, from now. These rows are looked at. So are reserved slots
 *   (`free_at` is never), and slots that lost their client (declined, moved), by `lease_by_client`.
 * - All others are bound. Nothing looks at those millions of rows.
 *
 * All counts go by slices, so that a database file does not block the event loop for long. Slices begin small, and grow
 * as long as the database is fast: a file that is not in memory yet is read from the disk, in no order. Where the first
 * slice is enough, everything is counted in one transaction. Otherwise leases may change between slices; the sum is the
 * pool's slots all the same.
 *
 * @module
 */
import { countSliceMs, countSliceRowsFirst, countSliceRowsMax, countSliceRowsMin } from "../../limits.ts";
import { slotKey } from "../../portset/slot-key.ts";
import type { Database, Result } from "../database/database.ts";
import type { Place } from "../database/databases.ts";
import { statementOf } from "../database/queries.ts";
import { rowsOf } from "../database/selection.ts";
import type { RowOf } from "../database/selection.ts";
import { createSliceSizer, yieldToEventLoop } from "../database/slices.ts";
import type { SliceRows, SliceSizer } from "../database/slices.ts";
import { clockSeconds } from "../database/time.ts";
import { countSelections, countStatements } from "./count-statements.ts";
import type { CountName, Slice } from "./count-statements.ts";

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

/** Options of a count; those of tests. */
export interface CountOptions {
  /** Milliseconds of any clock that goes forward: slices are made to fit by it. Default: that of the process. */
  readonly clockMs?: (() => number) | undefined;
  /** Rows that one statement looks at. */
  readonly sliceRows?: SliceRows | undefined;
}

const usualSliceRows = { first: countSliceRowsFirst, min: countSliceRowsMin, max: countSliceRowsMax };

type CountedPoolRow = RowOf<ReturnType<(typeof countSelections)["pools"]>>;

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
  /** The `free_at` or slot after which the next slice begins; null when all is counted. */
  after: number | null;
  /** Where `after` is a `free_at`: the slot of the last row that was counted. */
  afterSlot: number;
  readonly end: number;
}

/** Comes after every slot: a slice after it begins with the next second. */
const pastEverySlot = Number.MAX_SAFE_INTEGER;

/**
 * Counts the slots of the pools of one place by what they are used for.
 *
 * @returns One entry for each pool, in the order in which domains and pools were made.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function countSlots(
  { database, scope }: Place,
  { clockMs = () => performance.now(), sliceRows = usualSliceRows }: CountOptions = {},
): Promise<readonly PoolStatistics[]> {
  const now = clockSeconds(database);
  const sizer = createSliceSizer(sliceRows, countSliceMs, clockMs);
  const [result] = await sizer.ask(() => database.read([statementOf(countStatements.pools(now, scope))]));
  const statistics: PoolStatistics[] = [];
  for (const pool of rowsOf(countSelections.pools(now), result!)) {
    statistics.push(await countPool(database, pool, sizer));
  }
  return statistics;
}

async function countPool(
  database: Database,
  pool: CountedPoolRow,
  sizer: SliceSizer,
): Promise<PoolStatistics> {
  const [before, last] = [slotKey(pool.id, 0) - 1, slotKey(pool.id, 0) + pool.slots - 1];
  const counts = {
    ahead: countOf("ahead", before + pool.cursor, last),
    free: countOf("free", -1, pool.now),
    near: countOf("near", pool.now, pool.now + pool.hold),
    reserved: countOf("reserved", before, last),
    clientless: countOf("clientless", before, last),
  };
  let waiting = Object.values(counts);
  while (waiting.length > 0) {
    await yieldToEventLoop();
    const limit = sizer.rows();
    const statements = waiting.map((count) =>
      statementOf(countStatements[count.name](pool, sliceOf(count, limit))),
    );
    const results = await sizer.run(() => database.read(statements));
    for (const [index, count] of waiting.entries()) addSlice(count, results[index]!);
    waiting = waiting.filter((count) => count.after !== null);
  }
  return { poolId: pool.id, pool: pool.name, domain: pool.domain, ...slotCountsOf(pool, counts) };
}

function countOf(name: CountName, after: number, end: number): Count {
  return { name, tally: { rows: 0, offered: 0, bound: 0 }, after, afterSlot: pastEverySlot, end };
}

function sliceOf({ after, afterSlot, end }: Count, limit: number): Slice {
  return { after: after!, afterSlot, end, limit };
}

function addSlice(count: Count, result: Result): void {
  const { rows, offered, bound, last, lastSlot } = rowsOf(countSelections.slice, result)[0]!;
  count.tally.rows += rows;
  count.tally.offered += offered;
  count.tally.bound += bound;
  count.after = last;
  count.afterSlot = lastSlot ?? pastEverySlot;
}

/** Leases may have changed between slices: what is left for bound and free is never less than nothing. */
function slotCountsOf(pool: CountedPoolRow, counts: Record<CountName, Count>): SlotCounts {
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
