/**
 * Faults of this program that one query met. They cost that query its answer and nobody else theirs. The log gets one
 * of them with its stack, and from then on their number: whoever found such a query can send it again and again.
 *
 * @module
 */
import { faultLogMs } from "../limits.ts";
import type { Log } from "./log.ts";

/** Reports faults. */
export interface Faults {
  /** @param step What was done with the query: decode, claim, commit, decide or encode. */
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
      log.error({ err: error, step, count }, "a message met a fault of this program, and gets no answer");
      count = 0;
    },
  };
}
