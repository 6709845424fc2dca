/**
 * A wrong setting, and what the rows of several files have in common.
 *
 * @module
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** A wrong setting. In its texts, FOLDER stands for the folder of the test, and `:TCP` and the like for ports. */
export interface Row {
  /** The program, its arguments, and variables as `NAME=value`. */
  readonly command: string;
  /** What standard error has. */
  readonly line: string;
  /** Default: 2, of a wrong setting. */
  readonly code?: number;
  /** A command that runs the program in another way. */
  readonly through?: readonly string[];
}

/** A valid token. */
export const token = "0123456789abcdef";

export const migrations = readdirSync(join(root, "migrations")).filter((name) =>
  name.endsWith(".sql"),
).length;
export const usage = "Cannot read the command line:";
export const relay = `relay APPORTION_RELAY_TOKEN=${token} --listen [::1]:0`;
export const allocator = `apportion APPORTION_RELAY_TOKEN=${token} allocator --http 127.0.0.1:0`;
export const start = "apportion start --http 127.0.0.1:0 --listen [::1]:0";
export const admin = `apportion APPORTION_ADMIN_TOKEN=${token} admin`;
export const notDatabase =
  "found another kind of file, expected a database: correct the path, or move the file away";
export const newer =
  "found 1 unknown migration(s), the last of 2199-01-01T00:00:00.000Z, expected a database of this release or an " +
  "earlier one: install the release that migrated it";
export const databaseUrls = 'expected "file:PATH", "https://…", "http://…" or "libsql://…"';
export const listenForm = 'expected "HOST:PORT" with a port from 0 to 65535, and IPv6 addresses in brackets';

export const noListenPort = `${usage} --listen: found "[::1]:abc", expected "[ADDRESS]:PORT" or "[ADDRESS]:PORT,link=ADDRESS"`;
export const metricsForm = 'expected "HOST:PORT" with a port of 0 to 65535, and IPv6 in brackets';
