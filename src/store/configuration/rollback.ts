/**
 * Rolls back a transaction from within, when a condition does not hold. `configuration` may have only one row, so a
 * statement that inserts a second one fails.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import { namesOf } from "../database/columns.ts";
import { isDatabaseError } from "../database/database.ts";
import { configuration } from "../database/schema.ts";

/** Fails the transaction. A statement appends the condition: `FROM …`, `WHERE …`. */
export const failTransaction = sql`INSERT INTO ${configuration} (${namesOf(configuration.id, configuration.revision)}) SELECT 2, 0`;

/** @returns Whether {@link failTransaction} caused the error. */
export function isRollback(error: unknown): boolean {
  return isDatabaseError(error) && error.message.includes("configuration_is_one_row");
}
