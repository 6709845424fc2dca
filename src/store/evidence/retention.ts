/**
 * How long evidence is kept: what is older is deleted, in steps that hold the write lock for some milliseconds each.
 *
 * @module
 */
import type { Client, Row } from "@libsql/client";
import { purgeStepRows } from "../../limits.ts";
import { purgeBindingLog } from "./binding-feed.ts";
import { freeNever, LeaseState } from "../database/schema.ts";
import { argumentsOf, letOthersRun } from "../database/slices.ts";

/** How far back evidence shall go. */
export interface PurgeOptions {
  /** Unix seconds: tenures that ended before are deleted. */
  readonly before: number;
  /** Rows that one transaction looks at. */
  readonly stepRows?: number | undefined;
  /** Ends it before the next step. */
  readonly signal?: AbortSignal | undefined;
}

/** What a purge did. */
export interface PurgeReport {
  /** Tenures that were deleted. */
  readonly tenures: number;
  /** Slots that still named a client who was gone so long. */
  readonly slots: number;
}

const { bound, released } = LeaseState;

/** The statements. A test reads their query plans. */
export const purgeStatements = {
  announce: `UPDATE retention SET history_from = max(history_from, :before)`,
  /** A slice of the slots that were free at that time. */
  lookAtSlots: `WITH edge(last) AS MATERIALIZED (SELECT coalesce((
      SELECT free_at FROM lease WHERE pool_id = :pool AND free_at > :after AND free_at < :before
      ORDER BY free_at LIMIT 1 OFFSET :limit), :before - 1))
    SELECT nullif(max(edge.last), :before - 1) AS next, max(edge.last) AS last, count(lease.client_id) AS old FROM edge
    LEFT JOIN lease ON pool_id = :pool AND free_at > :after AND free_at <= edge.last`,
  /**
   * Leases that ended so long ago, and whose slot nobody took since, are evidence too: their tenure is closed, which
   * puts it into the history, and the slot forgets them.
   */
  forget: `UPDATE lease SET state = ${released}, since = NULL, client_id = NULL, source = NULL, softwire = NULL,
      site = NULL, relay_path = NULL, updated_at = max(updated_at, :before)
    WHERE slot IN (SELECT slot FROM lease WHERE pool_id = :pool AND free_at > :after AND free_at <= :last)
      AND client_id IS NOT NULL AND expires_at < :before RETURNING 1`,
  /** A reserved slot stays its client's; only what it was used for is forgotten. */
  forgetReserved: `UPDATE lease SET state = ${released}, since = NULL, source = NULL, softwire = NULL, site = NULL,
      relay_path = NULL, updated_at = max(updated_at, :before)
    WHERE slot IN (SELECT slot FROM lease WHERE pool_id = :pool AND free_at = ${freeNever} AND state = ${bound}
      AND expires_at < :before LIMIT :limit) RETURNING 1`,
  /** Ids are in the order in which tenures were closed, not in that of their ends: so all are looked at. */
  look: `SELECT count(*) AS rows, max(id) AS last, coalesce(sum(until < :before), 0) AS old
    FROM (SELECT id, until FROM history WHERE id > :after ORDER BY id LIMIT :limit)`,
  delete: `DELETE FROM history WHERE id > :after AND id <= :last AND until < :before RETURNING 1`,
} as const;

/**
 * Deletes the evidence of tenures that ended before a time.
 *
 * @throws {LibsqlError} When the database can't be reached. What was deleted is deleted; the rest is for next time.
 * @throws {DOMException} `AbortError`, when it was ended. The same holds.
 */
export async function purgeHistory(
  client: Client,
  { before, stepRows = purgeStepRows, signal }: PurgeOptions,
): Promise<PurgeReport> {
  const statement = (name: keyof typeof purgeStatements, values: Record<string, number>) => {
    const sql = purgeStatements[name];
    return { sql, args: argumentsOf(sql, { before, limit: stepRows, ...values }) };
  };
  const look = async (...step: Parameters<typeof statement>): Promise<Row> => {
    await letOthersRun();
    signal?.throwIfAborted();
    return (await client.execute(statement(...step))).rows[0]!;
  };
  const write = async (...step: Parameters<typeof statement>): Promise<number> => {
    await letOthersRun();
    signal?.throwIfAborted();
    return (await client.batch([statement(...step)], "write"))[0]!.rows.length;
  };
  // First of all: whoever looks up an older time from now on is told that the record is not whole.
  await write("announce", {});
  let [slots, tenures] = [0, 0];
  const pools = await client.execute("SELECT id FROM pool");
  for (const pool of pools.rows.map((row) => Number(row.id))) {
    for (let after: number | null = -1; after !== null;) {
      const { next, last, old } = await look("lookAtSlots", { pool, after });
      if (Number(old) > 0) slots += await write("forget", { pool, after, last: Number(last) });
      after = next === null ? null : Number(next);
    }
    let forgotten: number;
    do slots += forgotten = await write("forgetReserved", { pool });
    while (forgotten === stepRows);
  }
  for (let after: number | null = 0; after !== null;) {
    const { rows, last, old } = await look("look", { after });
    if (Number(old) > 0) tenures += await write("delete", { after, last: Number(last) });
    after = Number(rows) < stepRows ? null : Number(last);
  }
  return { tenures, slots };
}

/** Days that housekeeping keeps things for. */
export interface HousekeepingOptions {
  /** Days that tenures are kept after their end. Null keeps them for ever. */
  readonly historyDays: number | null;
  /** Days that the log of binding tables is kept: how long a consumer may be away. */
  readonly bindingLogDays: number;
  /** Unix seconds in place of the database's clock: for tests. */
  readonly now?: number | undefined;
  /** Ends it before the next step. */
  readonly signal?: AbortSignal | undefined;
}

/** What housekeeping did. */
export interface HousekeepingReport extends PurgeReport {
  readonly bindingLogEntries: number;
}

const daySeconds = 86_400;

/**
 * Deletes what has been kept long enough. Any number of processes may run it, at any time and again.
 *
 * @throws {LibsqlError} When the database can't be reached.
 * @throws {DOMException} `AbortError`, when it was ended.
 */
export async function keepHouse(
  client: Client,
  { historyDays, bindingLogDays, now, signal }: HousekeepingOptions,
): Promise<HousekeepingReport> {
  const clock = now ?? Number((await client.execute("SELECT unixepoch() AS now")).rows[0]!.now);
  const purged =
    historyDays === null
      ? { tenures: 0, slots: 0 }
      : await purgeHistory(client, { before: clock - historyDays * daySeconds, signal });
  const bindingLogEntries = await purgeBindingLog(client, {
    before: clock - bindingLogDays * daySeconds,
    stepRows: purgeStepRows,
    signal,
  });
  return { ...purged, bindingLogEntries };
}
