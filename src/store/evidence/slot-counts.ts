/**
 * Counts the slots of pools by their state. Every slot is in one of five states: free, offered, bound, quarantined,
 * reserved.
 *
 * No index has the state of a lease, because each renewal would have to write it. The index `lease_by_free_at` makes it
 * possible to read only a few rows:
 *
 * - A slot without a row is free. The number of rows is known almost without reading: every slot below `pool.cursor`
 *   has a row, so only the rows ahead of the cursor, which were given out on request, are counted.
 * - Slots that are free again (`free_at <= now`) are counted in the index alone.
 * - A slot that is offered, or quarantined after its lease, has a `free_at` that is at most the hold time of the domain
 *   away: its quarantine, or the hold of an offer. These rows are read. So are the rows of reserved slots (`free_at` is
 *   `freeNever`), by `lease_by_client` the rows of slots without a client (declined or moved), and by `lease_by_move` the
 *   rows of slots that clients move to.
 * - All other slots are bound. These may be millions of rows, and they are not read.
 *
 * Counts are made in slices, so that a database file does not block the event loop for long. Slices start small, and
 * grow as long as the database is fast: a file that is not in memory yet is read from the disk, in random order. If one
 * slice is enough, everything is counted in one transaction. Otherwise leases may change between slices, but the sum
 * still equals the number of slots of the pool.
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

/** Number of slots of a pool in each state. `free + offered + bound + quarantined + reserved = total`. */
export interface SlotCounts {
  readonly total: number;
  /** Never used, or free again: available to any client. */
  readonly free: number;
  readonly offered: number;
  readonly bound: number;
  /** Still kept from other clients after a lease, a decline or a move. */
  readonly quarantined: number;
  /** Reserved for a client that does not use the slot now. A slot that the client uses counts as bound. */
  readonly reserved: number;
}

/** The counts of one pool. */
export interface PoolStatistics extends SlotCounts {
  readonly poolId: number;
  readonly pool: string;
  readonly domain: string;
}

/** The counts of several pools. */
export interface Statistics {
  /** One entry for each pool, in the order in which domains and pools were created. */
  readonly pools: readonly PoolStatistics[];
  /** When the count began, in Unix seconds of the database's clock: what changed before is in the counts. */
  readonly asOf: number;
}

/** Options of a count, for tests. */
export interface CountOptions {
  /** Milliseconds of any monotonic clock, used to size the slices. Default: the clock of the process. */
  readonly clockMs?: (() => number) | undefined;
  /** Bounds on the rows that one statement reads. */
  readonly sliceRows?: SliceRows | undefined;
}

const defaultSliceRows = { first: countSliceRowsFirst, min: countSliceRowsMin, max: countSliceRowsMax };

type CountedPoolRow = RowOf<ReturnType<(typeof countSelections)["pools"]>>;

/** The result of one counting statement. */
interface Tally {
  rows: number;
  offered: number;
  bound: number;
}

/** A count that may take several slices. */
interface Count {
  readonly name: CountName;
  readonly tally: Tally;
  /** The `free_at` or slot after which the next slice begins; null when everything is counted. */
  after: number | null;
  /** If `after` is a `free_at`: the slot of the last row that was counted. */
  afterSlot: number;
  readonly end: number;
}

/** Greater than every slot, so that a slice after it begins in the next second. */
const pastEverySlot = Number.MAX_SAFE_INTEGER;

/**
 * Counts the slots of the pools of one place by their state.
 *
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function countSlots(
  { database, scope }: Place,
  { clockMs = () => performance.now(), sliceRows = defaultSliceRows }: CountOptions = {},
): Promise<Statistics> {
  const now = clockSeconds(database);
  const sizer = createSliceSizer(sliceRows, countSliceMs, clockMs);
  const first = [countStatements.clock(now), countStatements.pools(now, scope)].map(statementOf);
  const [clock, result] = await sizer.measure(() => database.read(first));
  const pools: PoolStatistics[] = [];
  for (const pool of rowsOf(countSelections.pools(now), result!)) {
    pools.push(await countPool(database, pool, sizer));
  }
  return { pools, asOf: rowsOf(countSelections.clock(now), clock!)[0]!.now };
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
    moved: countOf("moved", before, last),
  };
  let pending = Object.values(counts);
  while (pending.length > 0) {
    await yieldToEventLoop();
    const limit = sizer.rows();
    const statements = pending.map((count) =>
      statementOf(countStatements[count.name](pool, sliceOf(count, limit))),
    );
    const results = await sizer.run(() => database.read(statements));
    for (const [index, count] of pending.entries()) addSlice(count, results[index]!);
    pending = pending.filter((count) => count.after !== null);
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

/**
 * Computes the counts. Leases may have changed between slices, so the number of bound slots is limited to 0 or more.
 */
function slotCountsOf(pool: CountedPoolRow, counts: Record<CountName, Count>): SlotCounts {
  const { ahead, free, near, reserved, clientless, moved } = counts;
  const rows = Math.min(pool.slots, pool.cursor + ahead.tally.rows);
  const offers = near.tally.offered + reserved.tally.offered + moved.tally.offered;
  const kept = reserved.tally.rows - reserved.tally.offered - reserved.tally.bound;
  const told = moved.tally.rows - moved.tally.offered;
  const ended = near.tally.rows - near.tally.offered - near.tally.bound + clientless.tally.rows + told;
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

/** Adds up the counts of several pools. */
export function addSlotCounts(counts: readonly SlotCounts[]): SlotCounts {
  const sum = { total: 0, free: 0, offered: 0, bound: 0, quarantined: 0, reserved: 0 };
  for (const each of counts) {
    for (const key of Object.keys(sum) as (keyof SlotCounts)[]) sum[key] += each[key];
  }
  return sum;
}
