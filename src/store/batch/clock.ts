/**
 * What an allocator knows of a database's clock. All allocators of a database use that one clock. Their own clocks, and
 * those of the relays, may be wrong: they only measure durations.
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
  readonly askedMs: number;
  /** When the answer arrived, by the same clock as `askedMs`. */
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
  const askedMs = localMs();
  const clockMs = await database.clock();
  return { clockMs, askedMs, answeredMs: localMs() };
}

/**
 * Returns the earliest time that the database's clock can have shown at a moment. The clock was read before the answer
 * arrived.
 *
 * @param atMs A moment by the clock of `askedMs`, before or after the reading.
 * @returns Milliseconds of Unix time, never later than the database's clock showed at that moment.
 */
export function earliestClockMs({ clockMs, answeredMs }: ClockReading, atMs: number): number {
  return Math.floor(clockMs + atMs - answeredMs);
}

/**
 * Returns the latest time that the database's clock can have shown at a moment. The clock was read after the request
 * was sent, and rounding down removed less than 1 ms.
 *
 * @param atMs A moment by the clock of `askedMs`, before or after the reading.
 * @returns Milliseconds of Unix time, never earlier than the database's clock showed at that moment.
 */
export function latestClockMs({ clockMs, askedMs }: ClockReading, atMs: number): number {
  return Math.ceil(clockMs + 1 + atMs - askedMs);
}

/** @returns Whether the reading is so old that the two clocks may have drifted apart by some milliseconds. */
export function isOldReading({ answeredMs }: ClockReading, nowMs: number): boolean {
  return nowMs - answeredMs > clockReadingMsMax;
}
