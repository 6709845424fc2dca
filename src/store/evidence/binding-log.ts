/**
 * How long the log of the binding table is kept.
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

/** How far back the log shall go. */
export interface PurgeLogOptions {
  /** Unix seconds; entries of that time and later stay. */
  readonly before: number;
  /** Entries that one transaction deletes. */
  readonly stepRows: number;
  /** Ends it before the next step. */
  readonly signal?: AbortSignal | undefined;
}

/** The oldest entries, without the newest of all: it says where the log begins. */
function deleteOldest(before: number, limit: number): SQL {
  return sql`DELETE FROM ${bindingLog} WHERE ${bindingLog.version} IN (
      SELECT ${bindingLog.version} FROM ${bindingLog} WHERE ${bindingLog.version} < ${versionAt(before)}
        AND ${bindingLog.version} < (SELECT max(${bindingLog.version}) FROM ${bindingLog})
      ORDER BY ${bindingLog.version} LIMIT ${limit}
    ) RETURNING 1`;
}

/**
 * Deletes entries of the log, so many in a transaction, oldest first. The newest stays: it says where the log begins.
 *
 * @returns How many were deleted.
 * @throws {DatabaseError} When the database cannot be reached.
 * @throws {DOMException} `AbortError`, when the signal ended it.
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
