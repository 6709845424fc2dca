/**
 * Logs of the processes: one JSON object per line on standard error. Standard output is reserved for results.
 *
 * @module
 */
import pino from "pino";
import type { Logger } from "pino";
import type { Log } from "../allocator/log.ts";
import { logExitWaitMs, logLinesOctetsMax, logRetryMs } from "../limits.ts";
import type { LogLevel } from "../log-level.ts";
import { openLogLines } from "../log-lines.ts";
import { describeMisspelt, findMisspelt } from "../setting-names.ts";

/** Creates the log. */
export function createLog(level: LogLevel = "info"): Logger & Log {
  const lines = openLogLines(2, {
    octetsMax: logLinesOctetsMax,
    retryMs: logRetryMs,
    exitWaitMs: logExitWaitMs,
  });
  return Object.assign(pino({ level }, lines), { linesLost: lines.lost });
}

/** Creates the log of a service, which also names misspelt variables. */
export function createServiceLog(level?: LogLevel): Logger & Log {
  const log = createLog(level);
  for (const each of findMisspelt(process.env)) log.warn(describeMisspelt(each));
  return log;
}
