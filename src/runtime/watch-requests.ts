/**
 * How old a request may be when this process reads it: as old as the last gap of the event loop, on platforms whose
 * processes live longer than a request.
 *
 * @module
 */
import { loopBeatMs, loopGapMs } from "../limits.ts";
import { LoopWatch } from "../loop-watch.ts";
import { systemTiming } from "../timing.ts";

/** Watches the requests of a process. */
export interface RequestWatch {
  /** Returns a time by `performance.now()`, not later than the arrival of a request that is read now. */
  readonly arrivedMs: () => number;
  readonly stop: () => void;
}

/** Starts to watch. After a gap, connections are accepted and read one after the other, so a turn without a request ends it. */
export function watchRequests(): RequestWatch {
  const watch = new LoopWatch({ beatMs: loopBeatMs, gapMs: loopGapMs, readsPerTurnMax: 1 }, systemTiming);
  const stop = watch.start();
  const arrivedMs = (): number => {
    watch.recordRead(0);
    return watch.arrivedMs();
  };
  return { arrivedMs, stop };
}
