/**
 * Building blocks for `sql` templates over `schema.ts`.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";

/**
 * @returns The name of a column without its table: a SET list and the column list of an INSERT do not allow a table
 *   name.
 */
export function nameOf(column: Column): SQL {
  return sql`${sql.identifier(column.name)}`;
}

/** @returns The names of columns without their table, separated by commas. */
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
 * @returns A number as part of the SQL text. SQLite uses a partial index only if the text of the statement has the
 *   constant of the index's condition.
 */
export function literal(number: number): SQL {
  return sql.raw(String(number));
}
