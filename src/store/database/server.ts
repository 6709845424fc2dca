/**
 * A database on a libSQL server, over HTTP. It needs only `fetch`, so it runs on every platform.
 *
 * @module
 */
import type { InStatement, ResultSet } from "@libsql/client";
import { createClient } from "@libsql/client/http";
import { sql } from "drizzle-orm";
import { databaseAnswerMsMax, databaseRequestsMax } from "../../limits.ts";
import { bindArguments } from "./bind.ts";
import { DatabaseError } from "./database.ts";
import type { Database, Result, Row, Statement } from "./database.ts";

/** Sends a request: `fetch`, or a cheaper equivalent. */
export type Fetch = (request: Request, init: { readonly signal: AbortSignal }) => Promise<Response>;

/** How to reach the database. */
export interface ServerConfig {
  /** `http(s)://…` or `libsql://…`. */
  readonly url: string;
  /** Token of the server, if it requires one. */
  readonly authToken?: string | undefined;
  /** Default: the platform's `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Timeout of a request, in milliseconds. Default: {@link databaseAnswerMsMax}. */
  readonly answerMsMax?: number | undefined;
}

/**
 * The clock of the server, which all its allocators use. No other SQL reads the time by itself.
 */
const serverClockMs = "CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER)";
const setInstant = `UPDATE instant SET now_ms = ${serverClockMs}`;

/**
 * Opens a database of a server. It sends no request before the first statement.
 *
 * @throws {DatabaseError} When the URL is not the URL of a server.
 */
export function openServer(config: ServerConfig): Database {
  const { url, authToken, fetch: send = fetch, answerMsMax = databaseAnswerMsMax } = config;
  const client = attempt(() =>
    createClient({
      url,
      ...(authToken !== undefined && { authToken }),
      // The client's default limit is 20; further requests would be queued. On Workers, one request must not wait for
      // another.
      concurrency: databaseRequestsMax,
      fetch: withDeadline(send, answerMsMax),
    }),
  );
  return {
    read: (statements) => {
      const bound = statements.map(bind);
      const [only] = bound;
      return attemptAll(async () =>
        bound.length === 1 && only !== undefined ? [await client.execute(only)] : client.batch(bound, "read"),
      );
    },
    write: (statements) => {
      const bound = statements.map(bind);
      return attemptAll(async () => (await client.batch([setInstant, ...bound], "write")).slice(1));
    },
    migrate: async (statements) => {
      const bound = statements.map(bind);
      await attemptAll(() => client.migrate(bound));
    },
    clock: async () => {
      const [result] = await attemptAll(async () => [await client.execute(`SELECT ${serverClockMs}`)]);
      return Number(result!.rows[0]![0]);
    },
    clockMs: () => sql.raw(serverClockMs) as ReturnType<Database["clockMs"]>,
    close: () => {
      client.close();
    },
  };
}

/** Adds a timeout, so that a server that does not answer cannot block the requests of relays. */
function withDeadline(send: Fetch, answerMsMax: number): (request: Request) => Promise<Response> {
  return (request) => send(request, { signal: AbortSignal.timeout(answerMsMax) });
}

function bind({ sql: text, args }: Statement): InStatement {
  return { sql: text, args: bindArguments(args) };
}

/** Runs requests. Every failure, of the network too, is reported as a {@link DatabaseError}. */
async function attemptAll(work: () => Promise<readonly ResultSet[]>): Promise<readonly Result[]> {
  try {
    return (await work()).map(({ columns, rows }) => ({ columns, rows: rows.map(valuesOf) }));
  } catch (error) {
    throw databaseError(error);
  }
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw databaseError(error);
  }
}

function databaseError(error: unknown): unknown {
  return error instanceof Error ? new DatabaseError(error.message, error) : error;
}

function valuesOf(row: ResultSet["rows"][number]): Row {
  return Array.from(row, (value) => {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    return typeof value === "bigint" ? Number(value) : value;
  });
}
