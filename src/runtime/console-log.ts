/**
 * The log on platforms that collect what is written to the console.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";

/** Writes objects: Workers Logs indexes their fields. */
export const consoleLog: Log = {
  // Workers Logs are paid for by the line.
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

/** Writes one JSON object a line, all to standard error. */
export const consoleLineLog: Log = {
  // What becomes of each message is counted; a line for each would be most of the log.
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

/** An error has no fields of its own that JSON would show. */
function plain(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? describe(value) : value]),
  );
}

function describe({ name, message, cause }: Error): Record<string, unknown> {
  return { name, message, ...(cause instanceof Error && { cause: describe(cause) }) };
}
