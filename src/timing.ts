/**
 * Clock, timers and randomness as a parameter, so that tests control when time passes.
 *
 * @module
 */

/** A clock, timers and a source of random numbers. */
export interface Timing {
  /** Milliseconds of a monotonic clock. */
  readonly nowMs: () => number;
  /** Calls `run` after the events that have already arrived in this turn of the event loop. */
  readonly soon: (run: () => void) => void;
  /** Calls `run` after `delayMs` milliseconds. Returns a function that cancels the call. */
  readonly later: (run: () => void, delayMs: number) => () => void;
  /** Returns a random number: at least 0, less than 1. */
  readonly random: () => number;
}

/** Real time, real timers and `Math.random`. */
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

/** Like {@link Timing.later}, with a timer that does not keep the process alive. */
export const backgroundLater: Timing["later"] = (run, delayMs) => {
  const timer = setTimeout(run, delayMs).unref();
  return () => {
    clearTimeout(timer);
  };
};

/**
 * Waits for work that may never end.
 *
 * @param onLate Returns the error for work that takes longer than `ms` milliseconds.
 */
export async function within<T>(
  later: Timing["later"],
  ms: number,
  work: Promise<T>,
  onLate: () => Error,
): Promise<T> {
  let cancel = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = later(() => {
      reject(onLate());
    }, ms);
  });
  return Promise.race([work, late]).finally(() => {
    cancel();
  });
}
