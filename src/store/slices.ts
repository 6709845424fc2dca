/**
 * Long work in slices. An embedded database runs its statements on the event loop, and awaiting them lets nobody else
 * run: so work of many statements has to make room for the others itself.
 *
 * @module
 */
import type { InValue } from "@libsql/client";

/** Lets everything run that waits for the event loop. */
export async function letOthersRun(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** @returns The values that a statement mentions, whole numbers as such: SQLite refuses others, and takes numbers for floating point. */
export function argumentsOf(
  sql: string,
  values: Readonly<Record<string, number | string | Uint8Array | null>>,
): Record<string, InValue> {
  const names = [...new Set([...sql.matchAll(/:([a-zA-Z]+)/g)].map((match) => match[1]!))];
  return Object.fromEntries(
    names.map((name) => {
      const value = values[name];
      if (value === undefined) throw new TypeError(`Cannot run a statement: found no value for :${name}`);
      return [name, typeof value === "number" ? BigInt(value) : value];
    }),
  );
}
