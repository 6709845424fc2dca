/**
 * The progress of a load, on standard error.
 *
 * @module
 */
import type { LoadProgress } from "../load/options.ts";
import { printProgress } from "../program-output.ts";
import type { LoadMode } from "./load-options.ts";

/** Milliseconds between two updates of the line on a terminal. */
const updateMs = 1000;

/**
 * Reports the progress, and ends a load that only meets closed ports.
 *
 * @param mode What is being done.
 * @param reportEveryMs Milliseconds between two lines. Default: one line that is updated, on a terminal only.
 * @returns Receives the progress, and returns whether the load goes on.
 */
export function watchLoad(
  mode: LoadMode,
  reportEveryMs: number | undefined,
): (progress: LoadProgress) => boolean {
  const isUpdated = reportEveryMs === undefined && process.stderr.isTTY;
  const everyMs = reportEveryMs ?? (isUpdated ? updateMs : Infinity);
  let toldMs = 0;
  let wasDone = 0;
  return ({ elapsedMs, offers, done, inFlight, counts }) => {
    if (elapsedMs - toldMs >= everyMs) {
      const perSecond = ((done - wasDone) * 1000) / (elapsedMs - toldMs);
      const line =
        `${(elapsedMs / 1000).toFixed(0)} s  ${mode}: ${done} done, ${perSecond.toFixed(0)} a second, ` +
        `${inFlight} in flight, ${counts.timeouts} without an answer, ${counts.naks} NAKs`;
      printProgress(isUpdated ? `\r${line}\u001b[K` : `${line}\n`);
      [toldMs, wasDone] = [elapsedMs, done];
    }
    if (isUpdated && inFlight === 0 && toldMs > 0) printProgress("\r\u001b[K");
    return offers + done + counts.naks > 0 || counts.socketErrors === 0;
  };
}
