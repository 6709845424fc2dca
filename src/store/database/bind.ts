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
 * @throws {TypeError} When an argument is missing: a driver would bind NULL instead.
 */
export function bindArguments(args: readonly (Value | undefined)[]): Value[] {
  return args.map((value) => {
    if (value === undefined) {
      throw new TypeError("Cannot bind an argument: found undefined, expected a value or null");
    }
    return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  });
}
