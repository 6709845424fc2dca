/**
 * Changes of the configuration. Each is a statement whose condition says when the change is allowed, followed by its
 * record in `audit`.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQLWrapper } from "drizzle-orm";
import type { BatchItem, BatchResponse } from "drizzle-orm/batch";
import type { RunnableQuery } from "drizzle-orm/runnable-query";
import { mapInSteps } from "../../declaration/steps.ts";
import type { Database } from "../database/database.ts";
import { statementOf, writerOf } from "../database/queries.ts";
import { inSlices } from "../database/slices.ts";
import { configuration } from "../database/schema.ts";
import { auditAlways, auditOfLast } from "./audit.ts";
import type { AuditEntry } from "./audit.ts";
import { findOwner, mustBeUnowned } from "./ownership.ts";
import { failTransaction, isRollback } from "./rollback.ts";

/** A statement of a batch. */
export type Item = BatchItem<"sqlite">;

/** A statement that returns a row for each row that it changes. */
export type ChangingItem = RunnableQuery<unknown[], "sqlite">;

/**
 * One change. `statement` makes the change, and must return a row if it does. The `further` statements run after its
 * audit record, and depend on it.
 */
export interface Change {
  readonly statement: ChangingItem;
  readonly audit: AuditEntry;
  readonly further?: readonly Item[];
}

/** The outcome of a change. */
export interface Committed<R extends readonly Item[]> {
  /** False if the condition did not hold; then nothing was changed. */
  readonly isDone: boolean;
  /** The results of the queries, which ran after the change in the same transaction. */
  readonly found: BatchResponse<R>;
}

/**
 * Makes one change if its condition holds. The same transaction reads the changed row, or what prevented the change.
 * This takes one round trip.
 *
 * @param queries Run after the change.
 * @throws {OwnedDomainError} When a file owns a domain that the change concerns.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function commitChange<const R extends readonly Item[]>(
  database: Database,
  { statement, audit, further = [] }: Change,
  queries: R,
): Promise<Committed<R>> {
  const writer = writerOf(database);
  const guards = mustBeUnowned(writer, audit);
  for (;;) {
    try {
      const results: readonly unknown[] = await writer.batch([
        ...guards,
        statement,
        writer.run(auditOfLast(audit)),
        ...further,
        ...queries,
      ] as unknown as [Item, ...Item[]]);
      const [returned, , ...rest] = results.slice(guards.length);
      // TypeScript loses the types of a tuple that follows a list of unknown length.
      const found = rest.slice(further.length) as BatchResponse<R>;
      return { isDone: (returned as readonly unknown[]).length > 0, found };
    } catch (error) {
      if (!isRollback(error)) throw error;
      const owned = await findOwner(database, audit);
      if (owned !== undefined) throw owned;
    }
  }
}

/**
 * Makes several changes in one transaction, each only if its own condition holds.
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
 * Makes all changes in one transaction, or none.
 *
 * @param revision The changes were planned for this revision of the configuration. Default: any revision.
 * @returns False if nothing was changed, because a condition did not hold or the revision differs.
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
    if (!isRollback(error)) throw error;
    return false;
  }
}

/** Rendering thousands of statements takes as long as running them, so it is done in slices. */
async function runAll(database: Database, items: readonly Item[]): Promise<void> {
  if (items.length === 0) return;
  await database.write(
    await inSlices(mapInSteps(items, (item) => statementOf((item as unknown as SQLWrapper).getSQL()))),
  );
}

/** Fails the transaction if the previous statement changed nothing. */
const mustHaveChanged = sql`${failTransaction} WHERE changes() = 0`;

/** Fails the transaction if the configuration does not have the given revision. */
const mustBeRevision = (revision: number) =>
  sql`${failTransaction} FROM ${configuration} WHERE ${configuration.id} = 1 AND ${configuration.revision} <> ${revision}`;
