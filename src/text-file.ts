/**
 * Reads a whole file of text that an operator named.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { describeFileFault } from "./file-fault.ts";

/** What a file should be. */
export interface TextFileRules {
  /** Octets that it may have. */
  readonly octetsMax: number;
  /** What it should be, for messages, such as `a declared state`. */
  readonly expected: string;
}

/** A file cannot be read as text. The message says what was found and what was expected, but does not name the file. */
export class TextFileError extends Error {
  override readonly name = "TextFileError";
  /** Code of the system's error, such as `ENOENT`. */
  readonly code: string | undefined;
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.code = (cause as NodeJS.ErrnoException | undefined)?.code;
  }
}

/** Names of pipes that a shell makes: `… | command /dev/stdin`, and `command <(…)`. */
const shellPipe = /^\/(dev\/stdin|(dev|proc\/self)\/fd\/\d+)$/;

/** How every SQLite database begins. */
const databaseStart = "SQLite format 3\0";

/**
 * Reads a regular file, or a pipe of the shell. A device or another pipe could be read without an end.
 *
 * @returns The text, without a byte order mark.
 * @throws {TextFileError} When it is not such a file, cannot be read, is too long, or is not UTF-8.
 */
export function readTextFile(path: string, { octetsMax, expected }: TextFileRules): string {
  let octets: Uint8Array;
  try {
    // A pipe without a writer would delay the opening.
    refuseKind(path, statSync(path), expected);
    octets = readOctets(path, octetsMax + 1, expected);
  } catch (error) {
    throw error instanceof TextFileError
      ? error
      : new TextFileError(describeFileFault(error, expected), error);
  }
  const start = new TextDecoder("latin1").decode(octets.subarray(0, databaseStart.length));
  if (start === databaseStart) throw new TextFileError(`found a database, expected ${expected}`);
  if (octets.length > octetsMax)
    throw new TextFileError(`found a longer file, expected at most ${octetsMax} octets`);
  if (/^(\xff\xfe|\xfe\xff)/.test(String.fromCharCode(...octets.subarray(0, 2))))
    throw new TextFileError("found UTF-16, expected UTF-8");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(octets);
  } catch (error) {
    throw new TextFileError(`found octets that are no UTF-8, expected ${expected}`, error);
  }
}

function refuseKind(path: string, stats: Stats, expected: string): void {
  if (stats.isFile() || (stats.isFIFO() && shellPipe.test(path))) return;
  if (stats.isDirectory()) throw Object.assign(new Error("a folder"), { code: "EISDIR" });
  const found = stats.isFIFO() ? "a named pipe" : "a device or socket";
  throw new TextFileError(`found ${found}, expected ${expected}`);
}

/** Reads at most so many octets, whatever size the system states: files in /proc have none. */
function readOctets(path: string, octetsMax: number, expected: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const stats = fstatSync(file);
    refuseKind(path, stats, expected);
    const chunks: Uint8Array[] = [];
    let length = 0;
    while (length < octetsMax) {
      const chunk = new Uint8Array(Math.min(octetsMax - length, Math.max(stats.size + 1, 65_536)));
      const count = readSync(file, chunk);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
      length += count;
    }
    return Buffer.concat(chunks);
  } finally {
    closeSync(file);
  }
}
