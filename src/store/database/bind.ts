/**
 * Binding of arguments, the same for files and servers.
 *
 * @module
 */
import type { Value } from "./database.ts";

/**
 * Makes the arguments of a statement fit for a driver. Drivers bind every number as REAL, so a safe integer goes as
 * bigint, which they bind as INTEGER.
 *
 * @throws {TypeError} When an argument is no {@link Value}, which the types of `sql` templates do not forbid. A driver
 *   would bind NULL instead of what is missing, and the driver of files ends the process at a boolean.
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
