/**
 * The time of a statement, as SQL. A write reads the instant that the port wrote into the table `instant`; a read uses
 * the port's clock expression.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "./database.ts";
import type { Writer } from "./queries.ts";
import { instant } from "./schema.ts";

/** The instant of the current write batch, in Unix seconds. Use it only in {@link Database.write}. */
export const instantSeconds: SQL<number> = sql`(SELECT ${instant.nowMs} / 1000 FROM ${instant})`;

/** Starts a query for the instant of the current write batch, as {@link instantSeconds}. */
export function selectInstant(writer: Pick<Writer, "select">) {
  return writer.select({ now: instantSeconds }).from(instant);
}

/** @returns The clock in Unix seconds, for a read-only statement. */
export function clockSeconds(database: Pick<Database, "clockMs">): SQL<number> {
  return sql`(${database.clockMs()} / 1000)`;
}
