/**
 * Retention of evidence: deletes old evidence in steps that each hold the write lock for a few milliseconds.
 *
 * @module
 */
import { isNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { purgeStepRows } from "../../limits.ts";
import type { Database } from "../database/database.ts";
import { readerOf, readRows, statementOf } from "../database/queries.ts";
import {
  clockStep,
  freeNever,
  history,
  lease,
  LeaseState,
  pool,
  retention,
  tenureColumns,
} from "../database/schema.ts";
import { nameOf } from "../database/columns.ts";
import { rowsOf, selectionOf } from "../database/selection.ts";
import type { RowOf, Selection } from "../database/selection.ts";
import { yieldToEventLoop } from "../database/slices.ts";
import { purgeBindingLog } from "./binding-log.ts";

/** Which evidence to delete, and how. */
export interface PurgeOptions {
  /** Unix seconds: tenures that ended before this time are deleted. */
  readonly before: number;
  /** Maximum number of rows that one transaction reads. */
  readonly stepRows?: number | undefined;
  /** Stops the purge before its next step. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of a purge. */
export interface PurgeReport {
  /** Number of deleted tenures. */
  readonly tenures: number;
  /** Number of slots whose last client was removed, because its lease ended before that time. */
  readonly slots: number;
}

const { bound, released } = LeaseState;

/** The columns for a slice of slots. `next` is null for the last slice. */
const slotSlice = (before: number) => ({
  next: sql<number | null>`nullif(max(edge.last), ${before - 1})`,
  last: sql<number>`max(edge.last)`,
  old: sql<number>`count(${lease.clientId})`,
});

/** Alias for the slice of the history that a statement reads. */
const scanned = alias(history, "scanned");

/** The columns for a slice of the history: its number of rows, its last row, and the number of old rows. */
const historySlice = (before: number) => ({
  rows: sql<number>`count(*)`,
  last: sql<number | null>`max(${scanned.id})`,
  old: sql<number>`coalesce(sum(${scanned.until} < ${before}), 0)`,
});

const forgotten = (before: number): SQL =>
  sql`${nameOf(lease.state)} = ${released}, ${sql.join(
    tenureColumns.map((column) => sql`${nameOf(column)} = NULL`),
    sql`, `,
  )}, ${nameOf(lease.updatedAt)} = max(${lease.updatedAt}, ${before})`;

/** The statements. Each is one step. A test reads their query plans. */
export const purgeStatements = {
  /** Records that the history before this time is incomplete. */
  announce: (before: number): SQL =>
    sql`UPDATE ${retention} SET ${nameOf(retention.historyFrom)} = max(${retention.historyFrom}, ${before})`,
  /** Reads a slice of the slots that were free before that time. */
  scanSlots: (before: number, poolId: number, after: number, limit: number): SQL => sql`
    WITH edge(last) AS MATERIALIZED (SELECT coalesce((
      SELECT ${lease.freeAt} FROM ${lease}
      WHERE ${lease.poolId} = ${poolId} AND ${lease.freeAt} > ${after} AND ${lease.freeAt} < ${before}
      ORDER BY ${lease.freeAt} LIMIT 1 OFFSET ${limit}), ${before - 1}))
    SELECT ${selectionOf(slotSlice(before))} FROM edge
    LEFT JOIN ${lease} ON ${lease.poolId} = ${poolId} AND ${lease.freeAt} > ${after} AND ${lease.freeAt} <= edge.last`,
  /**
   * Leases that ended before that time are evidence too, if no client has taken the slot since. This closes their
   * tenure, which moves it to the history, and removes the client from the slot.
   */
  forget: (before: number, poolId: number, after: number, last: number): SQL => sql`
    UPDATE ${lease} SET ${forgotten(before)}, ${nameOf(lease.clientId)} = NULL
    WHERE ${lease.slot} IN (SELECT ${lease.slot} FROM ${lease}
        WHERE ${lease.poolId} = ${poolId} AND ${lease.freeAt} > ${after} AND ${lease.freeAt} <= ${last})
      AND ${lease.clientId} IS NOT NULL AND ${lease.expiresAt} < ${before} RETURNING 1`,
  /** Closes old tenures of reserved slots. The slots stay reserved for their clients. */
  forgetReserved: (before: number, poolId: number, limit: number): SQL => sql`
    UPDATE ${lease} SET ${forgotten(before)}
    WHERE ${lease.slot} IN (SELECT ${lease.slot} FROM ${lease}
        WHERE ${lease.poolId} = ${poolId} AND ${lease.freeAt} = ${freeNever} AND ${lease.state} = ${bound}
          AND ${lease.expiresAt} < ${before} LIMIT ${limit}) RETURNING 1`,
  /**
   * Reads a slice of the history. All rows have to be read, because their ids have the order in which tenures were
   * closed, not the order in which they ended.
   */
  scanHistory: (before: number, after: number, limit: number): SQL => sql`
    SELECT ${selectionOf(historySlice(before))} FROM (SELECT ${history.id}, ${history.until} FROM ${history}
      WHERE ${history.id} > ${after} ORDER BY ${history.id} LIMIT ${limit}) AS ${scanned}`,
  deleteHistory: (before: number, after: number, last: number): SQL => sql`
    DELETE FROM ${history}
    WHERE ${history.id} > ${after} AND ${history.id} <= ${last} AND ${history.until} < ${before} RETURNING 1`,
} as const;

/** Runs the statements of a purge. It yields to the event loop before each of them. */
function createSteps(database: Database, signal: AbortSignal | undefined) {
  const pause = async (): Promise<void> => {
    await yieldToEventLoop();
    signal?.throwIfAborted();
  };
  return {
    read: async <S extends Selection>(selection: S, statement: SQL): Promise<RowOf<S>> => {
      await pause();
      const [result] = await database.read([statementOf(statement)]);
      return rowsOf(selection, result!)[0]!;
    },
    /** @returns The number of changed rows. */
    write: async (statement: SQL): Promise<number> => {
      await pause();
      const [result] = await database.write([statementOf(statement)]);
      return result!.rows.length;
    },
  };
}

type Steps = ReturnType<typeof createSteps>;
type SlotSlice = RowOf<ReturnType<typeof slotSlice>>;
type HistorySlice = RowOf<ReturnType<typeof historySlice>>;

/**
 * Deletes the evidence of tenures that ended before a time.
 *
 * @throws {DatabaseError} When the database cannot be reached. The steps before are kept, and the next purge continues.
 * @throws {DOMException} `AbortError`, when the signal stopped the purge. The same applies.
 */
export async function purgeHistory(
  database: Database,
  { before, stepRows = purgeStepRows, signal }: PurgeOptions,
): Promise<PurgeReport> {
  const steps = createSteps(database, signal);
  // This comes first, so that look-ups of an earlier time already report that the record is incomplete.
  await steps.write(purgeStatements.announce(before));
  let slots = 0;
  const pools = await readRows(database, readerOf(database).select({ id: pool.id }).from(pool));
  for (const { id } of pools) {
    slots += await forgetSlots(steps, id, before, stepRows);
  }
  return { tenures: await deleteTenures(steps, before, stepRows), slots };
}

async function forgetSlots(steps: Steps, poolId: number, before: number, stepRows: number): Promise<number> {
  let slots = 0;
  for (let after: number | null = -1; after !== null;) {
    const statement = purgeStatements.scanSlots(before, poolId, after, stepRows);
    const slice: SlotSlice = await steps.read(slotSlice(before), statement);
    if (slice.old > 0) slots += await steps.write(purgeStatements.forget(before, poolId, after, slice.last));
    after = slice.next;
  }
  let reserved: number;
  do slots += reserved = await steps.write(purgeStatements.forgetReserved(before, poolId, stepRows));
  while (reserved === stepRows);
  return slots;
}

async function deleteTenures(steps: Steps, before: number, stepRows: number): Promise<number> {
  let tenures = 0;
  for (let after: number | null = 0; after !== null;) {
    const statement = purgeStatements.scanHistory(before, after, stepRows);
    const { rows, last, old }: HistorySlice = await steps.read(historySlice(before), statement);
    if (last === null) return tenures;
    if (old > 0) tenures += await steps.write(purgeStatements.deleteHistory(before, after, last));
    after = rows < stepRows ? null : last;
  }
  return tenures;
}

/** Retention periods, for housekeeping. */
export interface HousekeepingOptions {
  /** Days for which tenures are kept after their end; null keeps them forever. */
  readonly historyDays: number | null;
  /** Days for which the log of the binding table is kept. A consumer may be offline for that long. */
  readonly bindingLogDays: number;
  /** Stops housekeeping before its next step. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of housekeeping. */
export interface HousekeepingReport extends PurgeReport {
  readonly bindingLogEntries: number;
  /** 1 while a step of the clock is open. Then nothing is deleted, because records that look old may be recent. */
  readonly openClockSteps: number;
}

const daySeconds = 86_400;

/**
 * Deletes the records of one database whose retention has ended. It is safe to repeat, and to run in several processes
 * at once.
 *
 * @throws {DatabaseError} When the database cannot be reached.
 * @throws {DOMException} `AbortError`, when the signal stopped the run.
 */
export async function purgeDatabase(
  database: Database,
  { historyDays, bindingLogDays, signal }: HousekeepingOptions,
): Promise<HousekeepingReport> {
  const open = await readRows(
    database,
    readerOf(database).select({ id: clockStep.id }).from(clockStep).where(isNull(clockStep.settledAt)),
  );
  if (open.length > 0) return { tenures: 0, slots: 0, bindingLogEntries: 0, openClockSteps: open.length };
  const now = Math.floor((await database.clock()) / 1000);
  const purged =
    historyDays === null
      ? { tenures: 0, slots: 0 }
      : await purgeHistory(database, { before: now - historyDays * daySeconds, signal });
  const bindingLogEntries = await purgeBindingLog(database, {
    before: now - bindingLogDays * daySeconds,
    stepRows: purgeStepRows,
    signal,
  });
  await database.write([statementOf(sql`UPDATE ${retention} SET ${nameOf(retention.housekeptAt)} = ${now}`)]);
  return { tenures: purged.tenures, slots: purged.slots, bindingLogEntries, openClockSteps: 0 };
}

/**
 * Reads when housekeeping last finished in a database, or when it was migrated to the first release that records this.
 *
 * @returns Unix seconds by the clock of the database.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function readHousekeptAt(database: Database): Promise<number> {
  const query = readerOf(database).select({ housekeptAt: retention.housekeptAt }).from(retention);
  return (await readRows(database, query))[0]!.housekeptAt;
}
