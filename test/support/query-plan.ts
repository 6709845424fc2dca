/**
 * The query plan that SQLite chooses for a statement.
 *
 * @module
 */
import type { SQL } from "drizzle-orm";
import type { Database } from "../../src/store/database/database.ts";
import { statementOf } from "../../src/store/database/queries.ts";
import { query } from "./sql.ts";

/** @returns The steps of the plan, such as `SEARCH lease USING INTEGER PRIMARY KEY (rowid=?)`. */
export async function planOf(database: Database, template: SQL): Promise<string[]> {
  const { sql, args } = statementOf(template);
  const rows = await query(database, `EXPLAIN QUERY PLAN ${sql}`, ...args);
  return rows.map(({ detail }) => String(detail));
}
