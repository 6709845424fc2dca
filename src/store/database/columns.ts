/**
 * Small parts of `sql` templates over `schema.ts`.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";

/** @returns The bare name of a column: a SET list and the column list of an INSERT allow no table in front of it. */
export function nameOf(column: Column): SQL {
  return sql`${sql.identifier(column.name)}`;
}

/** @returns The bare names of columns, separated by commas. */
export function namesOf(...columns: readonly Column[]): SQL {
  return sql.join(columns.map(nameOf), sql`, `);
}

/** @returns A list of `column = excluded.column` for an upsert: the row takes the values that were to be inserted. */
export function takeExcluded(...columns: readonly Column[]): SQL {
  return sql.join(
    columns.map((column) => sql`${nameOf(column)} = excluded.${nameOf(column)}`),
    sql`, `,
  );
}

/** @returns A number as part of the text. A partial index serves only a condition whose constant is in the text. */
export function literal(number: number): SQL {
  return sql.raw(String(number));
}
