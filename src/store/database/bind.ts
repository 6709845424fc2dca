/**
 * Argument binding, for both database files and servers.
 *
 * @module
 */
import type { Value } from "./database.ts";

/**
 * Converts the arguments of a statement for a driver. Drivers bind every number as REAL, so a safe integer is passed as
 * a bigint, which they bind as INTEGER.
 *
 * @throws {TypeError} When an argument is not a {@link Value}: the types of `sql` templates do not rule that out. A
 *   driver would bind NULL for a missing value, and the file driver aborts the process when it gets a boolean.
 */
export function bindArguments(args: readonly unknown[]): Value[] {
  return args.map(bind);
}

function bind(value: unknown): Value {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === "string" || typeof value === "bigint" || value === null) return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`Cannot bind an argument: found ${typeof value}, expected a value or null`);
}
