/**
 * Bounds the age of a request when this process reads it: at most the last gap of the event loop. For platforms whose
 * processes outlive a request.
 *
 * After a gap, one waiting connection is accepted in each turn of the event loop, and its request is read in the next.
 * So a turn without a new connection ends the gap. Connections that never cease to come keep it from ending for
 * `httpTurnsMax` turns only. Requests on connections that are open already do not keep it from ending.
 *
 * @module
 */
import { httpTurnsMax, loopBeatMs, loopGapMs } from "../limits.ts";
import { LoopWatch } from "../loop-watch.ts";
import type { LoopWatchTiming } from "../loop-watch.ts";
import { systemTiming } from "../timing.ts";

/** Watches the requests of a process. */
export interface RequestWatch {
  /** Returns a time by `performance.now()`, not later than the arrival of a request that is read now. */
  readonly arrivedMs: () => number;
  /** Records that a connection was accepted, or a request was read on a platform that does not report connections. */
  readonly recordConnection: () => void;
  readonly stop: () => void;
}

const options = { beatMs: loopBeatMs, gapMs: loopGapMs, readsPerTurnMax: 1, turnsMax: httpTurnsMax };

/** The socket that listens is the only one that may hold more than a turn reads. */
const listening = 0;

/** Starts to watch. */
export function watchRequests(timing: LoopWatchTiming = systemTiming): RequestWatch {
  const watch = new LoopWatch(options, timing);
  const stop = watch.start();
  return {
    arrivedMs: () => {
      watch.watchTurns();
      return watch.arrivedMs(listening);
    },
    recordConnection: () => {
      watch.recordRead(listening);
    },
    stop,
  };
}
