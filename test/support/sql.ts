/**
 * Reads a database with plain SQL, and changes it directly, without the rules of the store.
 *
 * @module
 */
import type { Database, Result, Value } from "../../src/store/database/database.ts";

/** Reads rows as objects, keyed by column name. */
export async function query(
  database: Database,
  sql: string,
  ...args: Value[]
): Promise<Readonly<Record<string, Value>>[]> {
  const [result] = await database.read([{ sql, args }]);
  return objectsOf(result!);
}

/** Reads one number. */
export async function queryNumber(database: Database, sql: string, ...args: Value[]): Promise<number> {
  const [result] = await database.read([{ sql, args }]);
  return Number(result!.rows[0]![0]);
}

/** Runs statements without arguments as one transaction. */
export async function execute(database: Database, ...statements: string[]): Promise<void> {
  await database.write(statements.map((sql) => ({ sql, args: [] })));
}

function objectsOf({ columns, rows }: Result): Readonly<Record<string, Value>>[] {
  return rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]!])));
}
