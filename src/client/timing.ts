/**
 * Clock, timers and randomness as a parameter, so that a test is the one who lets time pass.
 *
 * @module
 */

/** What a client knows of time and chance. */
export interface Timing {
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
  /** Calls `run` after a time; the function that comes back cancels it. */
  readonly later: (run: () => void, delayMs: number) => () => void;
  /** A number from 0 up to, but not including, 1. */
  readonly random: () => number;
}

/** The timing of the real world. */
export const systemTiming: Timing = {
  nowMs: () => performance.now(),
  later: (run, delayMs) => {
    const timer = setTimeout(run, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
  random: Math.random,
};

/** @returns A transaction identifier: unsigned 32 bits. */
export function randomXid({ random }: Timing): number {
  return Math.floor(random() * 2 ** 32);
}
