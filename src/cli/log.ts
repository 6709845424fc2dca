/**
 * Logs of the processes: one JSON object a line on standard error, so that standard output is for results.
 *
 * @module
 */
import pino from "pino";
import type { Logger } from "pino";

/** Creates the log. `LOG_LEVEL` sets how much it says: `debug`, `info` (default), `warn`, `error`, `silent`. */
export function createLog(): Logger {
  return pino({ level: process.env.LOG_LEVEL ?? "info" }, pino.destination(2));
}
