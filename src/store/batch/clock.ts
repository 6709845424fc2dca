/**
 * Estimates the clock of a database. All allocators of a database use its clock. Their own clocks, and the clocks of
 * the relays, may be wrong, so they only measure durations.
 *
 * @module
 */
import { clockReadingMsMax } from "../../limits.ts";
import type { Database } from "../database/database.ts";

/** One reading of a database's clock. */
export interface ClockReading {
  /** Milliseconds of Unix time, rounded down, by the clock of the database. */
  readonly clockMs: number;
  /** When the request was sent, in milliseconds of a monotonic local clock. */
  readonly sentMs: number;
  /** When the answer arrived, by the same clock as `sentMs`. */
  readonly answeredMs: number;
}

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

/**
 * Returns a lower bound on the database's clock at a moment: the clock was read before the answer arrived.
 *
 * @param atMs A moment by the clock of `sentMs`, before or after the reading.
 * @returns Milliseconds of Unix time, never later than the database's clock at that moment.
 */
export function earliestClockMs({ clockMs, answeredMs }: ClockReading, atMs: number): number {
  return Math.floor(clockMs + atMs - answeredMs);
}

/**
 * Returns an upper bound on the database's clock at a moment: the clock was read after the request was sent, and
 * rounding down removed less than 1 ms.
 *
 * @param atMs A moment by the clock of `sentMs`, before or after the reading.
 * @returns Milliseconds of Unix time, never earlier than the database's clock at that moment.
 */
export function latestClockMs({ clockMs, sentMs }: ClockReading, atMs: number): number {
  return Math.ceil(clockMs + 1 + atMs - sentMs);
}

/** @returns Whether the reading is so old that the two clocks may have drifted apart by a few milliseconds. */
export function isOldReading({ answeredMs }: ClockReading, nowMs: number): boolean {
  return nowMs - answeredMs > clockReadingMsMax;
}
