/**
 * Typed statements over the port: drizzle's query builder over `schema.ts`, and `sql` templates for what the builder
 * cannot express.
 *
 * @example
 * ```ts
 * const reader = readerOf(database);
 * const [pools] = await reader.batch([reader.select({ name: pool.name }).from(pool)]);
 * const writer = writerOf(database);
 * const [created] = await writer.batch([writer.insert(domain).values(row).returning()]);
 * ```
 *
 * @module
 */
import type { Placeholder, SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { drizzle } from "drizzle-orm/sqlite-proxy";
import type { SqliteRemoteDatabase } from "drizzle-orm/sqlite-proxy";
import { SQLiteSyncDialect } from "drizzle-orm/sqlite-core";
import type { Database, Statement, Value } from "./database.ts";

/** Builds read-only statements. They run through `batch` in one round trip, or singly through {@link readRows}. */
export type Reader = Pick<
  SqliteRemoteDatabase,
  "select" | "selectDistinct" | "with" | "$with" | "all" | "get" | "values" | "batch"
>;

/** Builds the statements of a transaction. They run only through `batch`, which is one write of the port. */
export type Writer = Pick<
  SqliteRemoteDatabase,
  "select" | "with" | "$with" | "insert" | "update" | "delete" | "all" | "get" | "run" | "batch"
>;

const readers = new WeakMap<Database, Reader>();
const writers = new WeakMap<Database, Writer>();

/** @returns The reader of a database. Awaiting a statement outside of `batch` is an error. */
export function readerOf(database: Database): Reader {
  const known = readers.get(database);
  if (known !== undefined) return known;
  const reader = drizzle(refuseSingle, runner(database.read));
  readers.set(database, reader);
  return reader;
}

/**
 * Runs one query.
 *
 * @throws {DatabaseError} When the database cannot be reached or refuses it.
 */
export async function readRows<Q extends BatchItem<"sqlite">>(
  database: Database,
  query: Q,
): Promise<Q["_"]["result"]> {
  const [rows] = await readerOf(database).batch([query]);
  return rows;
}

/** @returns The writer of a database. Awaiting a statement outside of `batch` is an error. */
export function writerOf(database: Database): Writer {
  const known = writers.get(database);
  if (known !== undefined) return known;
  const writer = drizzle(refuseSingle, runner(database.write));
  writers.set(database, writer);
  return writer;
}

/** Single statements are refused because drizzle wraps their errors. It passes on the errors of a batch unchanged. */
function refuseSingle(): never {
  throw new TypeError("Cannot run a single statement: expected it in a batch");
}

interface BuiltQuery {
  readonly sql: string;
  readonly params: readonly unknown[];
  readonly method: string;
}

/** drizzle expects the row itself for `get`, and a list of rows for all other methods. */
function runner(run: Database["read"]) {
  return async (queries: readonly BuiltQuery[]) => {
    const results = await run(queries.map(({ sql, params }) => ({ sql, args: params as readonly Value[] })));
    return results.map(({ rows }, index) => ({
      rows: (queries[index]!.method === "get" ? rows[0] : rows) as unknown[],
    }));
  };
}

const dialect = new SQLiteSyncDialect();

/** Renders a template that has no placeholders. */
export function statementOf(template: SQL): Statement {
  const { sql, params } = dialect.sqlToQuery(template);
  return { sql, args: params as Value[] };
}

/**
 * Renders a template once, so that it can be run many times with different arguments. An argument that occurs several
 * times is passed once.
 *
 * @param template Its arguments are `sql.placeholder(name)`, and its text has no other question mark.
 * @returns A function that fills in the arguments.
 */
export function prepareStatement<Name extends string>(
  template: SQL,
): (values: Readonly<Record<Name, Value>>) => Statement {
  const { sql: text, params } = dialect.sqlToQuery(template);
  const names = params.map((param) => (param as Placeholder<Name>).name);
  const distinct = [...new Set(names)];
  const [first = "", ...parts] = text.split("?");
  if (parts.length !== names.length)
    throw new TypeError("Cannot number the arguments: found another question mark");
  const numbered = parts.map((part, index) => `?${distinct.indexOf(names[index]!) + 1}${part}`);
  const sql = first + numbered.join("");
  return (values) => ({ sql, args: distinct.map((name) => values[name]) });
}
