/**
 * What a relay knows of the clock that leases are judged by: that of the allocators' database. Each answer states what
 * this clock has reached, so the relay can tell a moment of its own as a time on it. It never needs to be right about
 * the time itself.
 *
 * @example
 * ```ts
 * const clock = new JudgingClock();
 * clock.record({ clockMs: 1_700_000_000_000, sentMs: 5, answeredMs: 9 });
 * clock.earliestMs(20); // 1_700_000_000_010: the clock showed this or a later time at 20
 * ```
 *
 * @module
 */
import { earliestClockMs, latestClockMs } from "../../src/clock-reading.ts";
import type { ClockReading } from "../../src/clock-reading.ts";
import { clockDriftRatioMax } from "../../src/limits.ts";

/** Keeps the reading that tells most. */
export class JudgingClock {
  #best: ClockReading | undefined;

  /**
   * Records a reading. One that took a long way back tells less than an earlier one that came quickly, until both
   * clocks may have drifted apart.
   */
  record(reading: ClockReading): void {
    const best = this.#best;
    if (best !== undefined && !isStepBack(reading, best) && isLess(reading, best)) return;
    this.#best = reading;
  }

  /**
   * Tells a moment as a time on the judging clock.
   *
   * @param atMs Milliseconds of the clock of the readings.
   * @returns Milliseconds of Unix time, not later than the judging clock showed at that moment; undefined before the
   *   first reading.
   */
  earliestMs(atMs: number): number | undefined {
    return this.#best && Math.max(0, earliestClockMs(this.#best, atMs, clockDriftRatioMax));
  }
}

/** @returns Whether the reading places the clock's time earlier than the known one does. */
function isLess(reading: ClockReading, known: ClockReading): boolean {
  return reading.clockMs < earliestClockMs(known, reading.answeredMs, clockDriftRatioMax);
}

/** @returns Whether the clock cannot have shown what the known reading promised, so it was set back since. */
function isStepBack(reading: ClockReading, known: ClockReading): boolean {
  const { sentMs } = reading;
  return latestClockMs(reading, sentMs) < earliestClockMs(known, sentMs, clockDriftRatioMax);
}
