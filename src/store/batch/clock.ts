/**
 * What an allocator knows of a database's clock. All allocators of a database go by that one clock. Their own clocks,
 * and those of the relays, may show anything: they only measure how long something took.
 *
 * @module
 */
import { clockReadingMsMax } from "../../limits.ts";
import type { Database } from "../database/database.ts";

/** What a database said of its clock. */
export interface ClockReading {
  /** Milliseconds of Unix time, rounded down, by the clock of the database. */
  readonly clockMs: number;
  /** When it was asked, in milliseconds of a local clock that goes forward. */
  readonly askedMs: number;
  /** When its answer was here, by the same clock as `askedMs`. */
  readonly answeredMs: number;
}

/**
 * Asks a database for its clock: one round trip.
 *
 * @param localMs Milliseconds of a local clock that goes forward.
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
 * Works out what the database's clock showed at least. It was read before the answer was here.
 *
 * @param atMs A moment by the clock of `askedMs`, before or after the reading.
 * @returns Milliseconds of Unix time, never more than the database's clock showed at that moment.
 */
export function earliestClockMs({ clockMs, answeredMs }: ClockReading, atMs: number): number {
  return Math.floor(clockMs + atMs - answeredMs);
}

/**
 * Works out what the database's clock showed at most. It was read after it was asked, and less than 1 ms was cut off.
 *
 * @param atMs A moment by the clock of `askedMs`, before or after the reading.
 * @returns Milliseconds of Unix time, never less than the database's clock showed at that moment.
 */
export function latestClockMs({ clockMs, askedMs }: ClockReading, atMs: number): number {
  return Math.ceil(clockMs + 1 + atMs - askedMs);
}

/** @returns Whether the two clocks may have drifted apart by some milliseconds since the reading. */
export function isOldReading({ answeredMs }: ClockReading, nowMs: number): boolean {
  return nowMs - answeredMs > clockReadingMsMax;
}
