/**
 * The log of a program on Node: one line for each event, on standard error. Standard output is reserved for results.
 *
 * @module
 */
import pino from "pino";
import type { Logger } from "pino";
import { logExitWaitMs, logLinesOctetsMax, logRetryMs } from "../limits.ts";
import { openLogLines } from "./lines.ts";
import type { LogFlags } from "./options.ts";
import { createTextFormat } from "./text.ts";

/** Creates the log. Times are in UTC, in the form of RFC 3339. */
export function createProgramLog({ logLevel = "info", logFormat }: LogFlags): Logger & {
  readonly linesLost: () => number;
  readonly logsDebug: () => boolean;
} {
  const isTerminal = process.stderr.isTTY;
  const lines = openLogLines(2, {
    octetsMax: logLinesOctetsMax,
    retryMs: logRetryMs,
    exitWaitMs: logExitWaitMs,
    format:
      (logFormat ?? (isTerminal ? "text" : "json")) === "text"
        ? createTextFormat(isTerminal && process.env.NO_COLOR === undefined)
        : undefined,
  });
  const log = pino({ level: logLevel, timestamp: pino.stdTimeFunctions.isoTime }, lines);
  return Object.assign(log, { linesLost: lines.lost, logsDebug: () => log.isLevelEnabled("debug") });
}
