/**
 * Retention of evidence: older evidence is deleted in steps that hold the write lock for some milliseconds each.
 *
 * @module
 */
import { isNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { purgeStepRows } from "../../limits.ts";
import type { Database } from "../database/database.ts";
import { readerOf, readRows, statementOf } from "../database/queries.ts";
import { clockStep, freeNever, history, lease, LeaseState, pool, retention } from "../database/schema.ts";
import { nameOf } from "../database/columns.ts";
import { rowsOf, selectionOf } from "../database/selection.ts";
import type { RowOf, Selection } from "../database/selection.ts";
import { yieldToEventLoop } from "../database/slices.ts";
import { purgeBindingLog } from "./binding-log.ts";

/** How far back evidence should go. */
export interface PurgeOptions {
  /** Unix seconds: tenures that ended before this time are deleted. */
  readonly before: number;
  /** Rows that one transaction reads. */
  readonly stepRows?: number | undefined;
  /** Stops the purge before its next step. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of a purge. */
export interface PurgeReport {
  /** Number of tenures that were deleted. */
  readonly tenures: number;
  /** Number of slots that still named a client whose lease ended before that time. */
  readonly slots: number;
}

const { bound, released } = LeaseState;

/** The columns that a slice of slots selects. `next` is null for the last slice. */
const slotSlice = (before: number) => ({
  next: sql<number | null>`nullif(max(edge.last), ${before - 1})`,
  last: sql<number>`max(edge.last)`,
  old: sql<number>`count(${lease.clientId})`,
});

/** The slice of the history that a statement reads. */
const looked = alias(history, "looked");

/** The columns that a slice of the history selects: its row count, its last row, and how many rows are old. */
const historySlice = (before: number) => ({
  rows: sql<number>`count(*)`,
  last: sql<number | null>`max(${looked.id})`,
  old: sql<number>`coalesce(sum(${looked.until} < ${before}), 0)`,
});

const forgotten = (before: number): SQL => {
  const columns = [
    lease.since,
    lease.source,
    lease.softwire,
    lease.site,
    lease.relayPath,
    lease.firstRelayPath,
  ];
  return sql`${nameOf(lease.state)} = ${released}, ${sql.join(
    columns.map((column) => sql`${nameOf(column)} = NULL`),
    sql`, `,
  )}, ${nameOf(lease.updatedAt)} = max(${lease.updatedAt}, ${before})`;
};

/** The statements, each for one step. A test reads their query plans. */
export const purgeStatements = {
  announce: (before: number): SQL =>
    sql`UPDATE ${retention} SET ${nameOf(retention.historyFrom)} = max(${retention.historyFrom}, ${before})`,
  /** Reads a slice of the slots that were free at that time. */
  lookAtSlots: (before: number, poolId: number, after: number, limit: number): SQL => sql`
    WITH edge(last) AS MATERIALIZED (SELECT coalesce((
      SELECT ${lease.freeAt} FROM ${lease}
      WHERE ${lease.poolId} = ${poolId} AND ${lease.freeAt} > ${after} AND ${lease.freeAt} < ${before}
      ORDER BY ${lease.freeAt} LIMIT 1 OFFSET ${limit}), ${before - 1}))
    SELECT ${selectionOf(slotSlice(before))} FROM edge
    LEFT JOIN ${lease} ON ${lease.poolId} = ${poolId} AND ${lease.freeAt} > ${after} AND ${lease.freeAt} <= edge.last`,
  /**
   * Leases that ended before that time, and whose slot nobody has taken since, are evidence too. Their tenure is
   * closed, which moves it to the history, and the slot forgets the client.
   */
  forget: (before: number, poolId: number, after: number, last: number): SQL => sql`
    UPDATE ${lease} SET ${forgotten(before)}, ${nameOf(lease.clientId)} = NULL
    WHERE ${lease.slot} IN (SELECT ${lease.slot} FROM ${lease}
        WHERE ${lease.poolId} = ${poolId} AND ${lease.freeAt} > ${after} AND ${lease.freeAt} <= ${last})
      AND ${lease.clientId} IS NOT NULL AND ${lease.expiresAt} < ${before} RETURNING 1`,
  /** A reserved slot stays reserved for its client; only its last use is forgotten. */
  forgetReserved: (before: number, poolId: number, limit: number): SQL => sql`
    UPDATE ${lease} SET ${forgotten(before)}
    WHERE ${lease.slot} IN (SELECT ${lease.slot} FROM ${lease}
        WHERE ${lease.poolId} = ${poolId} AND ${lease.freeAt} = ${freeNever} AND ${lease.state} = ${bound}
          AND ${lease.expiresAt} < ${before} LIMIT ${limit}) RETURNING 1`,
  /** Ids follow the order in which tenures were closed, not the order in which they ended, so all rows are read. */
  lookAtHistory: (before: number, after: number, limit: number): SQL => sql`
    SELECT ${selectionOf(historySlice(before))} FROM (SELECT ${history.id}, ${history.until} FROM ${history}
      WHERE ${history.id} > ${after} ORDER BY ${history.id} LIMIT ${limit}) AS ${looked}`,
  deleteHistory: (before: number, after: number, last: number): SQL => sql`
    DELETE FROM ${history}
    WHERE ${history.id} > ${after} AND ${history.id} <= ${last} AND ${history.until} < ${before} RETURNING 1`,
} as const;

/** Runs the statements of a purge, one for each step, and yields to the event loop before each. */
function createSteps(database: Database, signal: AbortSignal | undefined) {
  const pause = async (): Promise<void> => {
    await yieldToEventLoop();
    signal?.throwIfAborted();
  };
  return {
    look: async <S extends Selection>(selection: S, statement: SQL): Promise<RowOf<S>> => {
      await pause();
      const [result] = await database.read([statementOf(statement)]);
      return rowsOf(selection, result!)[0]!;
    },
    /** @returns How many rows were changed. */
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
 * @throws {DatabaseError} When the database cannot be reached. What was deleted stays deleted; the next purge does the
 *   rest.
 * @throws {DOMException} `AbortError`, when the signal stopped it. The same applies.
 */
export async function purgeHistory(
  database: Database,
  { before, stepRows = purgeStepRows, signal }: PurgeOptions,
): Promise<PurgeReport> {
  const steps = createSteps(database, signal);
  // This comes first: from now on, a look-up of an earlier time answers that the record is incomplete.
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
    const statement = purgeStatements.lookAtSlots(before, poolId, after, stepRows);
    const slice: SlotSlice = await steps.look(slotSlice(before), statement);
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
    const statement = purgeStatements.lookAtHistory(before, after, stepRows);
    const { rows, last, old }: HistorySlice = await steps.look(historySlice(before), statement);
    if (last === null) return tenures;
    if (old > 0) tenures += await steps.write(purgeStatements.deleteHistory(before, after, last));
    after = rows < stepRows ? null : last;
  }
  return tenures;
}

/** How many days housekeeping keeps things. */
export interface HousekeepingOptions {
  /** Days for which tenures are kept after their end. Null keeps them for ever. */
  readonly historyDays: number | null;
  /** Days for which the log of the binding table is kept, which is how long a consumer may be away. */
  readonly bindingLogDays: number;
  /** Stops housekeeping before its next step. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of housekeeping. */
export interface HousekeepingReport extends PurgeReport {
  readonly bindingLogEntries: number;
  /** 1 if the database's clock is in doubt. Then nothing was deleted: what looks old may be of today. */
  readonly openClockSteps: number;
}

const daySeconds = 86_400;

/**
 * Deletes from one database what has been kept long enough. Safe to repeat at any time, and to run in any number of
 * processes at once.
 *
 * @throws {DatabaseError} When the database cannot be reached.
 * @throws {DOMException} `AbortError`, when the signal stopped it.
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
  return { tenures: purged.tenures, slots: purged.slots, bindingLogEntries, openClockSteps: 0 };
}
