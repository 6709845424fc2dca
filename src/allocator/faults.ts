/**
 * Reports faults of this program that a single query caused. That query gets no answer; the others are served. The log
 * gets one line per interval, with a stack and the number of faults, because a client can repeat such a query.
 *
 * @module
 */
import { faultLogMs } from "../limits.ts";
import type { Log } from "./log.ts";

/** Reports faults. */
export interface Faults {
  /** @param step The step that failed: decode, claim, commit or answer. */
  readonly report: (step: string, error: unknown) => void;
}

/**
 * Creates a reporter.
 *
 * @param localMs Milliseconds of a monotonic clock of this process.
 */
export function createFaults(log: Log, localMs: () => number): Faults {
  let nextLogMs = -Infinity;
  let count = 0;
  return {
    report: (step, error) => {
      count++;
      if (localMs() < nextLogMs) return;
      nextLogMs = localMs() + faultLogMs;
      log.error({ err: error, step, count }, "a message caused an internal error and gets no answer");
      count = 0;
    },
  };
}
