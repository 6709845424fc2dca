/**
 * A clock that only the test moves.
 *
 * @module
 */
import type { Timing } from "../../src/timing.ts";

/** Timing in which time passes only by {@link ManualTiming.advance}. `soon` uses the real event loop. */
export interface ManualTiming extends Timing {
  /** Moves the time forward and runs the timers that became due, in order of time. */
  readonly advance: (ms: number) => void;
  /** Number of pending timers. */
  readonly waiting: () => number;
}

/** @param random Value that `random` always returns. With 0.5, delays are not shifted. */
export function createManualTiming(random = 0.5): ManualTiming {
  let nowMs = 0;
  const timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();
  return {
    nowMs: () => nowMs,
    random: () => random,
    soon: setImmediate,
    later: (run, delayMs) => {
      const timer = { dueMs: nowMs + delayMs, run };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance: (ms) => {
      const endMs = nowMs + ms;
      for (;;) {
        const [next] = [...timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
        if (next === undefined) break;
        timers.delete(next);
        nowMs = next.dueMs;
        next.run();
      }
      nowMs = endMs;
    },
    waiting: () => timers.size,
  };
}
