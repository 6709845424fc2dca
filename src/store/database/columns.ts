/**
 * Building blocks for `sql` templates over `schema.ts`.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";

/**
 * @returns The bare name of a column: a SET list and the column list of an INSERT do not allow a table name in front of
 *   it.
 */
export function nameOf(column: Column): SQL {
  return sql`${sql.identifier(column.name)}`;
}

/** @returns The bare names of columns, separated by commas. */
export function namesOf(...columns: readonly Column[]): SQL {
  return sql.join(columns.map(nameOf), sql`, `);
}

/**
 * @returns A list of `column = excluded.column` for an upsert: the existing row takes the values of the rejected
 *   insert.
 */
export function takeExcluded(...columns: readonly Column[]): SQL {
  return sql.join(
    columns.map((column) => sql`${nameOf(column)} = excluded.${nameOf(column)}`),
    sql`, `,
  );
}

/**
 * @returns A number as part of the SQL text. A partial index is used only if the constant of the condition is in the
 *   text.
 */
export function literal(number: number): SQL {
  return sql.raw(String(number));
}
