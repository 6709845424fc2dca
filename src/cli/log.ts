/**
 * Logs of the processes: one JSON object per line on standard error. Standard output is reserved for results.
 *
 * @module
 */
import pino from "pino";
import type { Logger } from "pino";
import type { Log } from "../allocator/log.ts";
import { logExitWaitMs, logLinesOctetsMax, logRetryMs } from "../limits.ts";
import { openLogLines } from "../log-lines.ts";

/** Creates the log. `LOG_LEVEL` sets its level: `debug`, `info` (default), `warn`, `error` or `silent`. */
export function createLog(): Logger & Log {
  const lines = openLogLines(2, {
    octetsMax: logLinesOctetsMax,
    retryMs: logRetryMs,
    exitWaitMs: logExitWaitMs,
  });
  const log = pino({ level: process.env.LOG_LEVEL ?? "info" }, lines);
  return Object.assign(log, { linesLost: lines.lost });
}
