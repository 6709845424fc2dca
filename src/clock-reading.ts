/**
 * Bounds a remote clock by one reading of it. The reading passed through a network, so it gives a lower and an upper
 * bound, never the exact time.
 *
 * @module
 */

/** One reading of a remote clock, such as that of a database. */
export interface ClockReading {
  /** Milliseconds of Unix time, rounded down, by the clock that was read. */
  readonly clockMs: number;
  /** When the request was sent, in milliseconds of a monotonic local clock. */
  readonly sentMs: number;
  /** When the answer arrived, by the same clock as `sentMs`. */
  readonly answeredMs: number;
}

/**
 * Returns a lower bound on the remote clock at a moment: the clock was read before the answer arrived.
 *
 * @param atMs A moment by the clock of `sentMs`, before or after the reading.
 * @param driftRatio Largest relative difference in rate of the two clocks. Default: 0.
 * @returns Milliseconds of Unix time, never later than the remote clock at that moment.
 */
export function earliestClockMs({ clockMs, answeredMs }: ClockReading, atMs: number, driftRatio = 0): number {
  const sinceMs = atMs - answeredMs;
  return Math.floor(clockMs + sinceMs - Math.abs(sinceMs) * driftRatio);
}

/**
 * Returns an upper bound on the remote clock at a moment: the clock was read after the request was sent, and rounding
 * down removed less than 1 ms.
 *
 * @param atMs A moment by the clock of `sentMs`, before or after the reading.
 * @param driftRatio Largest relative difference in rate of the two clocks. Default: 0.
 * @returns Milliseconds of Unix time, never earlier than the remote clock at that moment.
 */
export function latestClockMs({ clockMs, sentMs }: ClockReading, atMs: number, driftRatio = 0): number {
  const sinceMs = atMs - sentMs;
  return Math.ceil(clockMs + 1 + sinceMs + Math.abs(sinceMs) * driftRatio);
}

/**
 * Converts a time on the remote clock into local time.
 *
 * @param shownMs Milliseconds of Unix time by the clock that was read.
 * @param driftRatio Largest difference in rate of the two clocks, relative to the local one: below 1. Default: 0.
 * @returns A moment by the clock of `sentMs`, never later than the moment at which the other clock showed `shownMs`.
 */
export function earliestLocalMs({ clockMs, sentMs }: ClockReading, shownMs: number, driftRatio = 0): number {
  const sinceMs = shownMs - clockMs - 1;
  // The ratio is relative to the local clock, which may have run for longer than the other one.
  return sentMs + sinceMs - Math.abs(sinceMs) * (driftRatio / (1 - driftRatio));
}
