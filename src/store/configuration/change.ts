/**
 * Changes of the configuration: each is a statement whose condition says when it may happen, followed by its record in
 * `audit`.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { BatchItem, BatchResponse } from "drizzle-orm/batch";
import type { RunnableQuery } from "drizzle-orm/runnable-query";
import { isDatabaseError } from "../database/database.ts";
import type { Database } from "../database/database.ts";
import { namesOf } from "../database/columns.ts";
import { writerOf } from "../database/queries.ts";
import { configuration } from "../database/schema.ts";
import { auditAlways, auditOfLast } from "./audit.ts";
import type { AuditEntry } from "./audit.ts";

/** A statement of a batch. */
export type Item = BatchItem<"sqlite">;

/** A statement that returns a row for each row that it changes. */
export type ChangingItem = RunnableQuery<unknown[], "sqlite">;

/** One change: its first statement does it, and must return a row when it does; what follows comes with it. */
export interface Change {
  readonly statement: ChangingItem;
  readonly audit: AuditEntry;
  readonly further?: readonly Item[];
}

/** How a change went. */
export interface Committed<R extends readonly Item[]> {
  /** Whether it was made. When not, nothing was changed. */
  readonly isDone: boolean;
  /** What the queries found after it, in the same transaction. */
  readonly found: BatchResponse<R>;
}

/**
 * Makes one change, if its condition holds, and looks in the same transaction at what is true now: the row that was
 * changed, or what stood in the way. One round trip.
 *
 * @param queries Read after the change.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function commitChange<const R extends readonly Item[]>(
  database: Database,
  { statement, audit, further = [] }: Change,
  queries: R,
): Promise<Committed<R>> {
  const writer = writerOf(database);
  const [returned, , ...rest] = await writer.batch([
    statement,
    writer.run(auditOfLast(audit)),
    ...further,
    ...queries,
  ]);
  // The types of a tuple are lost where a list of any length precedes it.
  return { isDone: returned.length > 0, found: rest.slice(further.length) as BatchResponse<R> };
}

/**
 * Makes several changes in one transaction, each if its own condition holds.
 *
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function commitEach(database: Database, changes: readonly Change[]): Promise<void> {
  const writer = writerOf(database);
  await runAll(
    database,
    changes.flatMap(({ statement, audit, further = [] }) => [
      statement,
      writer.run(auditOfLast(audit)),
      ...further,
    ]),
  );
}

/**
 * Makes all changes, or none.
 *
 * @param revision Of the configuration that the changes were planned by; undefined for changes that need no plan.
 * @returns False when a condition did not hold, or the configuration is another by now.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function commitAll(
  database: Database,
  changes: readonly Change[],
  revision?: number,
): Promise<boolean> {
  const writer = writerOf(database);
  const statements: Item[] = revision === undefined ? [] : [writer.run(mustBeRevision(revision))];
  for (const { statement, audit, further = [] } of changes) {
    statements.push(statement, writer.run(mustHaveChanged), writer.run(auditAlways(audit)), ...further);
  }
  try {
    await runAll(database, statements);
    return true;
  } catch (error) {
    if (!isDatabaseError(error) || !error.message.includes("configuration_is_one_row")) throw error;
    return false;
  }
}

async function runAll(database: Database, [first, ...others]: readonly Item[]): Promise<void> {
  if (first !== undefined) await writerOf(database).batch([first, ...others]);
}

/** `configuration` has one row: a second one is refused, and the transaction with it. */
const secondRow = sql`INSERT INTO ${configuration} (${namesOf(configuration.id, configuration.revision)}) SELECT 2, 0`;

/** Fails the transaction when the statement before it changed nothing. */
const mustHaveChanged = sql`${secondRow} WHERE changes() = 0`;

/** The same when the configuration is another than the one that was looked at. */
const mustBeRevision = (revision: number) =>
  sql`${secondRow} FROM ${configuration} WHERE ${configuration.id} = 1 AND ${configuration.revision} <> ${revision}`;
