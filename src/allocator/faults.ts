/**
 * Reports faults of this program that a single query caused. That query gets no answer; the others are served. The log
 * gets one line per interval, with a stack and the number of faults, because a client can repeat such a query.
 *
 * @module
 */
import { faultLogMs } from "../limits.ts";
import type { Log } from "./log.ts";

/**
 * Creates a limit for log lines about events that clients can cause at will: one line per interval, with a count.
 *
 * @param localMs Milliseconds of a monotonic clock of this process.
 * @returns Counts an event. The number of events since the last line if one is due, otherwise undefined.
 */
export function createLineLimit(localMs: () => number): () => number | undefined {
  let nextLogMs = -Infinity;
  let count = 0;
  return () => {
    count++;
    if (localMs() < nextLogMs) return undefined;
    nextLogMs = localMs() + faultLogMs;
    const told = count;
    count = 0;
    return told;
  };
}

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
  const count = createLineLimit(localMs);
  return {
    report: (step, error) => {
      const due = count();
      if (due === undefined) return;
      log.error({ err: error, step, count: due }, "a message caused an internal error and gets no answer");
    },
  };
}
