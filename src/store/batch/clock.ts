/**
 * Estimates the clock of a database. All allocators of a database use its clock. Their own clocks, and the clocks of
 * the relays, may be wrong, so they only measure durations.
 *
 * @module
 */
import type { ClockReading } from "../../clock-reading.ts";
import { clockReadingMsMax } from "../../limits.ts";
import type { Database } from "../database/database.ts";

/**
 * Reads the clock of a database, in one round trip.
 *
 * @param localMs Milliseconds of a monotonic local clock.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function readClock(
  database: Pick<Database, "clock">,
  localMs: () => number,
): Promise<ClockReading> {
  const sentMs = localMs();
  const clockMs = await database.clock();
  return { clockMs, sentMs, answeredMs: localMs() };
}

/** @returns Whether the reading is so old that the two clocks may have drifted apart by some milliseconds. */
export function isOldReading({ answeredMs }: ClockReading, nowMs: number): boolean {
  return nowMs - answeredMs > clockReadingMsMax;
}
