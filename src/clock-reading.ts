/**
 * What one reading of a clock elsewhere tells about that clock. The reading passed through a network, so it bounds the
 * clock from both sides and never gives its exact time.
 *
 * @module
 */

/** One reading of a clock elsewhere, such as that of a database. */
export interface ClockReading {
  /** Milliseconds of Unix time, rounded down, by the clock that was read. */
  readonly clockMs: number;
  /** When the request was sent, in milliseconds of a monotonic local clock. */
  readonly askedMs: number;
  /** When the answer arrived, by the same clock as `askedMs`. */
  readonly answeredMs: number;
}

/**
 * Returns the earliest time that the clock can have shown at a moment. The clock was read before the answer arrived.
 *
 * @param atMs A moment by the clock of `askedMs`, before or after the reading.
 * @param driftRatio By how much the two clocks may differ in rate. Default: 0.
 * @returns Milliseconds of Unix time, never later than the clock showed at that moment.
 */
export function earliestClockMs({ clockMs, answeredMs }: ClockReading, atMs: number, driftRatio = 0): number {
  const sinceMs = atMs - answeredMs;
  return Math.floor(clockMs + sinceMs - Math.abs(sinceMs) * driftRatio);
}

/**
 * Returns the latest time that the clock can have shown at a moment. The clock was read after the request was sent, and
 * rounding down removed less than 1 ms.
 *
 * @param atMs A moment by the clock of `askedMs`, before or after the reading.
 * @returns Milliseconds of Unix time, never earlier than the clock showed at that moment.
 */
export function latestClockMs({ clockMs, askedMs }: ClockReading, atMs: number): number {
  return Math.ceil(clockMs + 1 + atMs - askedMs);
}

/**
 * Converts a time on the clock that was read into local time.
 *
 * @param shownMs Milliseconds of Unix time by the clock that was read.
 * @returns A moment by the clock of `askedMs`, never later than the moment at which the other clock showed `shownMs`.
 */
export function earliestLocalMs({ clockMs, askedMs }: ClockReading, shownMs: number): number {
  return shownMs - clockMs - 1 + askedMs;
}
