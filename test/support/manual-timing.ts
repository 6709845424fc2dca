/**
 * A clock that stands still until a test moves it.
 *
 * @module
 */
import type { Timing } from "../../src/timing.ts";

/** Timing whose time passes by {@link ManualTiming.advance} only. `soon` is that of the real event loop. */
export interface ManualTiming extends Timing {
  /** Lets time pass and runs what became due, in the order of its time. */
  readonly advance: (ms: number) => void;
  /** Timers that still wait. */
  readonly waiting: () => number;
}

/** @param random What `random` always answers. 0.5 shifts no delay. */
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
