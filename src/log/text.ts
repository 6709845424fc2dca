/**
 * Log lines as text for people, by the pretty-printer of pino.
 *
 * @module
 */
import { prettyFactory } from "pino-pretty";

/** Control characters and those that reorder text, in JSON: clients and peers choose some of the logged texts. */

const unprintable = /\\u00[01][\da-f]|[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function escapeUnprintable(json: string): string {
  return json.replaceAll(unprintable, (found) =>
    found.startsWith("\\") ? `\\${found}` : `\\\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Creates a function that turns a line of JSON into text: time, level, message, and the other fields as JSON.
 *
 * @param colorize Whether to color the text, by escape sequences of terminals.
 */
export function createTextFormat(colorize: boolean): (line: string) => string {
  const format = prettyFactory({ colorize, singleLine: true, translateTime: false, ignore: "pid,hostname" });
  return (line) => format(escapeUnprintable(line));
}
