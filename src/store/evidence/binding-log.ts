/**
 * Retention of the log of the binding table.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { statementOf } from "../database/queries.ts";
import { bindingLog } from "../database/schema.ts";
import { yieldToEventLoop } from "../database/slices.ts";
import { versionAt } from "./feed-statements.ts";

/** Which entries to delete, and how. */
export interface PurgeLogOptions {
  /** Unix seconds: older entries are deleted. */
  readonly before: number;
  /** Maximum number of entries that one transaction deletes. */
  readonly stepRows: number;
  /** Stops the purge before its next step. */
  readonly signal?: AbortSignal | undefined;
}

/** Deletes the oldest entries, but never the newest one. */
function deleteOldest(before: number, limit: number): SQL {
  return sql`DELETE FROM ${bindingLog} WHERE ${bindingLog.version} IN (
      SELECT ${bindingLog.version} FROM ${bindingLog} WHERE ${bindingLog.version} < ${versionAt(before)}
        AND ${bindingLog.version} < (SELECT max(${bindingLog.version}) FROM ${bindingLog})
      ORDER BY ${bindingLog.version} LIMIT ${limit}
    ) RETURNING 1`;
}

/**
 * Deletes entries of the log, oldest first, a limited number in each transaction. The newest entry always stays,
 * because the oldest remaining entry tells which versions still have an increment.
 *
 * @returns The number of deleted entries.
 * @throws {DatabaseError} When the database cannot be reached.
 * @throws {DOMException} `AbortError`, when the signal stopped it.
 */
export async function purgeBindingLog(
  database: Database,
  { before, stepRows, signal }: PurgeLogOptions,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    signal?.throwIfAborted();
    const [result] = await database.write([statementOf(deleteOldest(before, stepRows))]);
    const { length } = result!.rows;
    deleted += length;
    if (length < stepRows) return deleted;
    await yieldToEventLoop();
  }
}
