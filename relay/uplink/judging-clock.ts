/**
 * The relay's estimate of the judging clock, which is the clock of the allocators' database. Each answer states what
 * this clock has reached, so the relay can convert a local time to a time on it. The relay's own wall clock is not used.
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

/** Keeps the reading with the tightest lower bound. */
export class JudgingClock {
  #best: ClockReading | undefined;

  /**
   * Records a reading. A reading whose answer was slow gives a looser bound than an earlier fast one, until drift
   * outweighs that.
   */
  record(reading: ClockReading): void {
    const best = this.#best;
    if (best !== undefined && !isStepBack(reading, best) && isLooserBound(reading, best)) return;
    this.#best = reading;
  }

  /** Whether there is a reading. */
  get isKnown(): boolean {
    return this.#best !== undefined;
  }

  /**
   * Converts a local moment to a time on the judging clock.
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
function isLooserBound(reading: ClockReading, known: ClockReading): boolean {
  return reading.clockMs < earliestClockMs(known, reading.answeredMs, clockDriftRatioMax);
}

/** @returns Whether the clock cannot have shown what the known reading promised, so it was set back since. */
function isStepBack(reading: ClockReading, known: ClockReading): boolean {
  const { sentMs } = reading;
  return latestClockMs(reading, sentMs) < earliestClockMs(known, sentMs, clockDriftRatioMax);
}
