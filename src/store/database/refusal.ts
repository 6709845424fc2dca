/**
 * Whether a batch failed because of what it asked, and not because the database could not be reached.
 *
 * @module
 */
import { isDatabaseError } from "./database.ts";

/** Codes with which SQLite refuses a statement or its values, whatever the state of the machine. */
const refusals = /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/;

/** @returns Whether the database refused the values of a claim: the same batch would be refused again. */
export function isRefusal(error: unknown): boolean {
  return (
    isDatabaseError(error) && refusals.test(String((error.cause as { code?: unknown } | undefined)?.code))
  );
}
