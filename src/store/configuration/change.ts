/**
 * Changes of the configuration: each is a statement whose condition says when it may happen, with its record in
 * `audit` behind it.
 *
 * @module
 */
import type { Client, InStatement } from "@libsql/client";
import { auditAlways, auditOfLast } from "./audit.ts";
import type { AuditEntry } from "./audit.ts";
import { mendDatabase } from "../database/connect.ts";

/** One change: its first statement does it, and must return a row when it does; what follows comes with it. */
export interface Change {
  readonly statement: InStatement;
  readonly audit: AuditEntry;
  readonly further?: readonly InStatement[];
}

/**
 * Makes one change, if its condition holds.
 *
 * @returns Whether it did. When not, nothing was changed.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function commitChange(client: Client, change: Change): Promise<boolean> {
  const { statement, audit, further = [] } = change;
  const [first] = await client.batch([statement, auditOfLast(audit), ...further], "write");
  return first!.rows.length > 0;
}

/** Fails the transaction when the statement before it changed nothing: `configuration` has one row. */
const mustHaveChanged = "INSERT INTO configuration (id, revision) SELECT 2, 0 WHERE changes() = 0";

/** The same when the configuration is another than it was looked at. */
const mustBeRevision =
  "INSERT INTO configuration (id, revision) SELECT 2, 0 FROM configuration WHERE id = 1 AND revision <> :revision";

/**
 * Makes all changes, or none.
 *
 * @param revision Of the configuration that the changes were planned by; undefined for changes that need no plan.
 * @returns False when a condition did not hold, or the configuration is another by now.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function commitAll(
  client: Client,
  changes: readonly Change[],
  revision?: number,
): Promise<boolean> {
  const statements: InStatement[] =
    revision === undefined ? [] : [{ sql: mustBeRevision, args: { revision: BigInt(revision) } }];
  for (const { statement, audit, further = [] } of changes) {
    statements.push(statement, mustHaveChanged, auditAlways(audit), ...further);
  }
  try {
    await client.batch(statements, "write");
    return true;
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("configuration_is_one_row")) throw error;
    await mendDatabase(client);
    return false;
  }
}
