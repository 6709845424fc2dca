/**
 * Opens a database that a libSQL server keeps, over HTTP; `embedded.ts` opens files. Nothing but `fetch` is needed
 * here, so that this runs on every platform.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import { createClient } from "@libsql/client/http";
import { databaseAnswerMsMax, databaseRequestsMax } from "../../limits.ts";

/** How requests get to the server: `fetch`, or something that does the same for less. */
export type Fetch = (request: Request, init: { readonly signal: AbortSignal }) => Promise<Response>;

/** Where the database is. */
export interface ServerConfig {
  /** `http(s)://…` or `libsql://…`. */
  readonly url: string;
  /** Token of the server, if it wants one. */
  readonly authToken?: string | undefined;
  /** Default: the platform's `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Milliseconds that the server may take for an answer. Default: {@link databaseAnswerMsMax}. */
  readonly answerMsMax?: number | undefined;
}

/**
 * Opens a database of a libSQL server. The server is not asked before the first statement.
 *
 * @throws {LibsqlError} When the URL is none of a server.
 */
export function openServer(config: ServerConfig): Client {
  const { url, authToken, fetch: send = fetch, answerMsMax = databaseAnswerMsMax } = config;
  return createClient({
    url,
    ...(authToken !== undefined && { authToken }),
    // The client would queue what is above its own bound of 20; on Workers a request must not wait for another's.
    concurrency: databaseRequestsMax,
    fetch: withDeadline(send, answerMsMax),
  });
}

/** A server that says nothing must not hold the requests of relays for ever. */
function withDeadline(send: Fetch, answerMsMax: number): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await send(request, { signal: AbortSignal.timeout(answerMsMax) });
    } catch (error) {
      // However it failed, it has the form that `fetch` gives to failures of the network.
      throw new TypeError("fetch failed", { cause: error });
    }
  };
}

/** How long a writer of a file waits for another process, in milliseconds. */
export const busyTimeoutMs = 5000;

/**
 * Frames of the write-ahead log between two checkpoints. The default of 1000 keeps the pause of one under 20 ms;
 * a longer log would be written less often, and stop the answers for longer each time.
 */
const walAutocheckpointPages = 1000;

/** What each connection to a file begins with: a lease is on the disk before its DHCPACK leaves. */
export const filePragmas: readonly string[] = [
  "PRAGMA journal_mode = WAL",
  "PRAGMA synchronous = FULL",
  `PRAGMA wal_autocheckpoint = ${walAutocheckpointPages}`,
];

/** Runs {@link filePragmas} on a connection. */
export async function setFilePragmas(client: Client): Promise<void> {
  for (const pragma of filePragmas) await client.execute(pragma);
}

/**
 * Makes a connection usable again after a failed batch. The connection to a file stays broken after SQLITE_BUSY,
 * and a new one has lost its pragmas; over HTTP there is nothing to mend.
 */
export async function mendDatabase(client: Client): Promise<void> {
  if (client.protocol !== "file") return;
  client.reconnect();
  await setFilePragmas(client);
}
