/**
 * Logs of the processes: one JSON object per line on standard error. Standard output is reserved for results.
 *
 * @module
 */
import pino from "pino";
import type { Logger } from "pino";

/** Creates the log. `LOG_LEVEL` sets its level: `debug`, `info` (default), `warn`, `error` or `silent`. */
export function createLog(): Logger {
  return pino({ level: process.env.LOG_LEVEL ?? "info" }, pino.destination(2));
}
