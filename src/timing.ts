/**
 * Clock, timers and randomness as a parameter, so that a test decides when time passes.
 *
 * @module
 */

/** What a program knows of time and chance. */
export interface Timing {
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
  /** Calls `run` once all that has already arrived in this turn of the event loop was seen. */
  readonly soon: (run: () => void) => void;
  /** Calls `run` after a time; the function that comes back cancels it. */
  readonly later: (run: () => void, delayMs: number) => () => void;
  /** A number from 0 up to, but not including, 1. */
  readonly random: () => number;
}

/** The timing of the real world. */
export const systemTiming: Timing = {
  nowMs: () => performance.now(),
  soon: (run) => {
    setImmediate(run);
  },
  later: (run, delayMs) => {
    const timer = setTimeout(run, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
  random: Math.random,
};
