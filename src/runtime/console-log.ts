/**
 * The log for platforms that collect console output.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";

/** For Workers: writes objects, because Workers Logs indexes their fields. */
export const consoleLog: Log = {
  // Off, because Workers Logs charges per line.
  debug: () => undefined,
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

/** For Deno: writes one JSON object per line to standard error. */
export const consoleLineLog: Log = {
  // Off, because counters already record the outcome of each message, and one line for each would fill the log.
  debug: () => undefined,
  info: (fields, message) => {
    console.error(lineOf("info", fields, message));
  },
  warn: (fields, message) => {
    console.error(lineOf("warn", fields, message));
  },
  error: (fields, message) => {
    console.error(lineOf("error", fields, message));
  },
};

function lineOf(level: string, fields: object, msg: string): string {
  return JSON.stringify({ level, time: Date.now(), ...plain(fields), msg });
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
