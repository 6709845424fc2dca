/**
 * Opens the database: a file of this process, or a libSQL server over HTTP.
 *
 * @module
 */
import { createClient } from "@libsql/client";
import type { Client } from "@libsql/client";

/** Where the database is. */
export interface DatabaseConfig {
  /** `file:PATH`, `http(s)://…` or `libsql://…`. */
  readonly url: string;
  /** Token of the server, if it wants one. */
  readonly authToken?: string | undefined;
}

/** How long a writer of a file waits for another process, in milliseconds. */
export const busyTimeoutMs = 5000;

/**
 * Frames of the write-ahead log between two checkpoints. The default of 1000 keeps the pause of one under 20 ms;
 * a longer log would be written less often, and stop the answers for longer each time.
 */
const walAutocheckpointPages = 1000;

/**
 * Opens a database. A file gets write-ahead logging with a sync at every commit, so that a lease is on the disk
 * before its DHCPACK leaves.
 *
 * @throws {LibsqlError} When a file cannot be opened. A server is not asked before the first statement.
 */
export async function openDatabase(config: DatabaseConfig): Promise<Client> {
  const isFile = config.url.startsWith("file:");
  const client = createClient({
    url: config.url,
    ...(config.authToken !== undefined && { authToken: config.authToken }),
    // One connection for a file: pragmas hold for a connection, and SQLite has one writer anyway.
    ...(isFile && { concurrency: 1, timeout: busyTimeoutMs }),
  });
  if (isFile) await setPragmas(client);
  return client;
}

/** What each connection to a file begins with. */
export const filePragmas: readonly string[] = [
  "PRAGMA journal_mode = WAL",
  "PRAGMA synchronous = FULL",
  `PRAGMA wal_autocheckpoint = ${walAutocheckpointPages}`,
];

async function setPragmas(client: Client): Promise<void> {
  for (const pragma of filePragmas) await client.execute(pragma);
}

/**
 * Makes a connection usable again after a failed batch. The connection to a file stays broken after SQLITE_BUSY,
 * and a new one has lost its pragmas; over HTTP there is nothing to mend.
 */
export async function mendDatabase(client: Client): Promise<void> {
  if (client.protocol !== "file") return;
  client.reconnect();
  await setPragmas(client);
}
