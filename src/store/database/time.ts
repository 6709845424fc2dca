/**
 * The time of a statement, as SQL. A write reads the instant that the port put into its table; a read uses the clock of
 * the port.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "./database.ts";
import { instant } from "./schema.ts";

/** The instant of the current write batch, in Unix seconds. Only for {@link Database.write}. */
export const instantSeconds: SQL<number> = sql`(SELECT ${instant.nowMs} / 1000 FROM ${instant})`;

/** @returns The clock in Unix seconds, for a statement that reads. */
export function clockSeconds(database: Pick<Database, "clockMs">): SQL<number> {
  return sql`(${database.clockMs()} / 1000)`;
}
