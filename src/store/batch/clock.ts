/**
 * What is known here of a database's clock. All allocators of a database go by that one clock; their own, and those of
 * the relays, may show anything, and only serve to measure how long something took.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import { clockReadingMsMax } from "../../limits.ts";
import { clockMs } from "./statements.ts";

/** What a database said of its clock. */
export interface ClockReading {
  /** Milliseconds of Unix time, cut off below, by the clock of the database. */
  readonly clockMs: number;
  /** When it was asked, in milliseconds of any clock here that goes forward. */
  readonly askedMs: number;
  /** When its answer was here, by the same clock as `askedMs`. */
  readonly answeredMs: number;
}

/**
 * Asks a database for its clock: one round trip.
 *
 * @param localMs Milliseconds of any clock here that goes forward.
 * @throws {LibsqlError} When the database can't be reached.
 */
export async function readClock(client: Client, localMs: () => number): Promise<ClockReading> {
  const askedMs = localMs();
  const { rows } = await client.execute(`SELECT ${clockMs} AS clock_ms`);
  return { clockMs: Number(rows[0]!.clock_ms), askedMs, answeredMs: localMs() };
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
 * Works out what the database's clock showed at most. It was read after it was asked, and cut off less than 1 ms.
 *
 * @param atMs A moment by the clock of `askedMs`, before or after the reading.
 * @returns Milliseconds of Unix time, never less than the database's clock showed at that moment.
 */
export function latestClockMs({ clockMs, askedMs }: ClockReading, atMs: number): number {
  return Math.ceil(clockMs + 1 + atMs - askedMs);
}

/** @returns Whether two clocks may have drifted apart by some milliseconds since the reading. */
export function isOldReading({ answeredMs }: ClockReading, nowMs: number): boolean {
  return nowMs - answeredMs > clockReadingMsMax;
}
