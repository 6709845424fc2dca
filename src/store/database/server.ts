/**
 * A database on a libSQL server, over HTTP. It needs only `fetch`, so it runs on every platform.
 *
 * @module
 */
import type { InStatement, ResultSet } from "@libsql/client";
import { createClient } from "@libsql/client/http";
import { sql } from "drizzle-orm";
import {
  databaseAnswerMsMax,
  databaseErrorCharactersMax,
  databaseFirstAnswerMsMax,
  databaseRequestsMax,
} from "../../limits.ts";
import { bindArguments } from "./bind.ts";
import { DatabaseError } from "./database.ts";
import type { Database, Result, Row, Statement } from "./database.ts";
import { parseServerAddress } from "./server-address.ts";

/** Sends a request: `fetch`, or a cheaper equivalent. */
export type Fetch = (
  request: Request,
  init: { readonly signal: AbortSignal; readonly redirect: "manual" },
) => Promise<Response>;

/** How to reach the database. */
export interface ServerConfig {
  /** `http(s)://…` or `libsql://…`; see {@link parseServerAddress}. */
  readonly url: string;
  /** Token of the server, if it requires one. */
  readonly authToken?: string | undefined;
  /** Default: the platform's `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Timeout of a request, in milliseconds. Default: {@link databaseAnswerMsMax}. */
  readonly answerMsMax?: number | undefined;
  /**
   * Timeout until the server has answered once, in milliseconds, if it is shorter: long statements of a command are
   * worth waiting for only after that. Default: {@link databaseFirstAnswerMsMax}.
   */
  readonly firstAnswerMsMax?: number | undefined;
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
  const { fetch: send = fetch, answerMsMax = databaseAnswerMsMax } = config;
  const firstAnswerMsMax = Math.min(answerMsMax, config.firstAnswerMsMax ?? databaseFirstAnswerMsMax);
  let hasAnswered = false;
  const run: typeof attemptAll = async (count, work) => {
    const results = await attemptAll(count, work);
    hasAnswered = true;
    return results;
  };
  const { url, authorization } = parseServerAddress(config.url, config.authToken);
  const client = attempt(() =>
    createClient({
      url,
      // The client's default limit is 20; further requests would be queued. On Workers, one request must not wait for
      // another.
      concurrency: databaseRequestsMax,
      fetch: withDeadline(send, () => (hasAnswered ? answerMsMax : firstAnswerMsMax), authorization),
    }),
  );
  return {
    read: async (statements) => {
      const bound = statements.map(bind);
      const [only] = bound;
      const results = await run(bound.length, async () =>
        bound.length === 1 && only !== undefined ? [await client.execute(only)] : client.batch(bound, "read"),
      );
      if (results.some(({ columns }) => columns.length === 0)) throw foreignAnswer("no columns");
      return results;
    },
    write: async (statements) => {
      const bound = [setInstant, ...statements.map(bind)];
      return (await run(bound.length, () => client.batch(bound, "write"))).slice(1);
    },
    migrate: async (statements) => {
      const bound = statements.map(bind);
      await run(bound.length, () => client.migrate(bound));
    },
    clock: async () => {
      const [result] = await run(1, async () => [await client.execute(`SELECT ${serverClockMs}`)]);
      const clockMs = result!.rows[0]?.[0];
      if (typeof clockMs === "number") return clockMs;
      throw foreignAnswer("no time");
    },
    clockMs: () => sql.raw(serverClockMs) as ReturnType<Database["clockMs"]>,
    close: () => {
      client.close();
    },
  };
}

/**
 * Adds what every request needs: a timeout, so that a server that does not answer cannot block the requests of relays,
 * and the credentials. Redirects are not followed, because a database server sends none.
 */
function withDeadline(
  send: Fetch,
  answerMsMax: () => number,
  authorization: string | undefined,
): (request: Request) => Promise<Response> {
  return (request) => {
    if (authorization !== undefined) request.headers.set("authorization", authorization);
    return send(request, { signal: AbortSignal.timeout(answerMsMax()), redirect: "manual" });
  };
}

function bind({ sql: text, args }: Statement): InStatement {
  return { sql: text, args: bindArguments(args) };
}

/**
 * Runs requests. Every failure is reported as a {@link DatabaseError}: of the network, and of whatever answers in place
 * of the database.
 *
 * @param count The number of statements, each of which has one result.
 */
async function attemptAll(
  count: number,
  work: () => Promise<readonly ResultSet[]>,
): Promise<readonly Result[]> {
  let results: readonly ResultSet[];
  try {
    results = await work();
  } catch (error) {
    throw databaseError(error);
  }
  if (results.length !== count) throw foreignAnswer(`${results.length} results for ${count} statements`);
  return results.map(({ columns, rows }) => ({
    columns,
    rows: rows.map((row) => valuesOf(row, columns.length)),
  }));
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw databaseError(error);
  }
}

/** A response without the form of one of a libSQL server: something else has answered. */
function foreignAnswer(found: string): DatabaseError {
  return new DatabaseError(`Cannot read the answer of the database server: found ${found}, expected rows`);
}

/** An error of the driver may repeat a response of any length. */
function databaseError(error: unknown): DatabaseError {
  const message = error instanceof Error ? error.message : String(error);
  return message.length <= databaseErrorCharactersMax
    ? new DatabaseError(message, error)
    : new DatabaseError(`${message.slice(0, databaseErrorCharactersMax)}…`);
}

function valuesOf(row: ResultSet["rows"][number], columns: number): Row {
  const values = Array.from(row, (value) => {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    return typeof value === "bigint" ? Number(value) : value;
  });
  if (values.length !== columns)
    throw foreignAnswer(`a row of ${values.length} values for ${columns} columns`);
  return values;
}
