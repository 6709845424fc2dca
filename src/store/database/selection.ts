/**
 * Typed rows for `sql` templates. For other statements, drizzle's query builder provides the types.
 *
 * @example
 * ```ts
 * const selected = { slot: lease.slot, isFree: sql<number>`${lease.freeAt} <= ${now}` };
 * const template = sql`SELECT ${selectionOf(selected)} FROM ${lease} WHERE ${lease.slot} = ${slot}`;
 * const [result] = await database.read([statementOf(template)]);
 * const [row] = rowsOf(selected, result!); // { slot: number, isFree: number } | undefined
 * ```
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, GetColumnData, SQL } from "drizzle-orm";
import type { Result } from "./database.ts";

/** The columns that a statement selects, in order: name -> column or expression. */
export type Selection = Readonly<Record<string, Column | SQL>>;

/** A row that a statement selects. */
export type RowOf<S extends Selection> = {
  readonly [Name in keyof S]: S[Name] extends Column
    ? GetColumnData<S[Name]>
    : S[Name] extends SQL<infer T>
      ? T
      : never;
};

/** @returns The list of columns after SELECT, each with its name as the alias. */
export function selectionOf(selection: Selection): SQL {
  const columns = Object.entries(selection).map(
    ([name, column]) => sql`${column} AS ${sql.identifier(name)}`,
  );
  return sql.join(columns, sql`, `);
}

/**
 * Converts the rows of a result to objects with the names of the selection. Values are not converted: the columns of
 * the schema have no separate application type.
 *
 * @param selection The columns that the statement selected, in the same order.
 * @throws {TypeError} When the result has a different number of columns.
 */
export function rowsOf<S extends Selection>(selection: S, result: Result): RowOf<S>[] {
  const names = Object.keys(selection);
  if (result.columns.length !== names.length) {
    throw new TypeError(
      `Cannot read rows: found ${result.columns.length} columns, expected ${names.length} (${names.join(", ")})`,
    );
  }
  return result.rows.map(
    (row) => Object.fromEntries(names.map((name, index) => [name, row[index]])) as RowOf<S>,
  );
}
