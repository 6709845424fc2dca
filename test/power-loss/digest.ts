/**
 * The whole content of a database as one hash.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Database, Value } from "../../src/store/database/database.ts";

/** @returns A hash of the schema and of all rows of all tables. */
export async function digestOf(database: Database): Promise<string> {
  const hash = createHash("sha1");
  const [schema] = await database.read([
    { sql: "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name", args: [] },
  ]);
  const tables = schema!.rows.filter(([type]) => type === "table").map(([, name]) => String(name));
  const contents = tables.map((name) => ({ sql: `SELECT rowid, * FROM "${name}" ORDER BY rowid`, args: [] }));
  for (const { rows } of [schema!, ...(contents.length === 0 ? [] : await database.read(contents))]) {
    hash.update(JSON.stringify(rows, showOctets));
  }
  return hash.digest("hex");
}

function showOctets(_key: string, value: Value): Value {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
