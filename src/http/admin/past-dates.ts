/**
 * The answer to dates that are past: a drain that has ended, a token that has expired.
 *
 * @module
 */
import { formatDate } from "../../declaration/dates.ts";
import { faultsShownMax } from "../../limits.ts";
import type { PastDate } from "../../store/configuration/declaration.ts";
import { problem } from "../problem.ts";
import { andMore } from "./validation.ts";

/** What to do with a drain date that is meant. */
export const drainAtOnce = ", or ?force=true to drain at once";

/**
 * Creates a 400 that lists the first dates, each with the clock that says that it is past.
 *
 * @param attempted What the request attempted, such as `drain pool "north"`.
 * @param otherwise What the caller may do instead of choosing a later date.
 */
export function pastDates(attempted: string, dates: readonly PastDate[], otherwise: string): Error {
  const errors = dates.slice(0, faultsShownMax).map(({ path, date, now }) => ({
    path,
    found: `"${date}"`,
    expected: `a date after ${formatDate(now)}, the time of the database${otherwise}`,
  }));
  const [first] = errors;
  const detail = `Cannot ${attempted}: ${first!.path}: found ${first!.found}, expected ${first!.expected}`;
  return problem(400, detail + andMore(dates.length - 1), { errors });
}
