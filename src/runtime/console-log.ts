/**
 * The log for platforms that collect console output.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";
import type { LogLines } from "../log/lines.ts";

/** For Workers: writes objects, because Workers Logs indexes their fields. */
export const consoleLog: Log = {
  // Off, because Workers Logs charges per line.
  debug: () => undefined,
  logsDebug: () => false,
  info: (fields, message) => {
    console.info({ message, ...plain(fields) });
  },
  warn: (fields, message) => {
    console.warn({ message, ...plain(fields) });
  },
  error: (fields, message) => {
    console.error({ message, ...plain(fields) });
  },
};

/**
 * Creates a log for Deno that writes one JSON object per line.
 *
 * @param lines Writes the lines. Writing to the console itself fails on a full disk, and waits for a pipe that is not read.
 */
export function createLineLog(lines: LogLines): Log {
  const write = (level: string) => (fields: object, message: string) => {
    lines.write(lineOf(level, fields, message));
  };
  return {
    // Off, because counters already record the outcome of each message, and one line for each would fill the log.
    debug: () => undefined,
    logsDebug: () => false,
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    linesLost: lines.lost,
  };
}

function lineOf(level: string, fields: object, msg: string): string {
  return `${JSON.stringify({ level, time: new Date().toISOString(), ...plain(fields), msg })}\n`;
}

/** Replaces errors with plain objects, because `JSON.stringify` omits the fields of an error. */
function plain(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? describe(value) : value]),
  );
}

function describe({ name, message, cause }: Error): Record<string, unknown> {
  return { name, message, ...(cause instanceof Error && { cause: describe(cause) }) };
}
