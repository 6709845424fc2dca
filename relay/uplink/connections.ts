/**
 * Persistent HTTP connections to the host of one allocator.
 *
 * @module
 */
import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { relayBodyOctetsMax } from "../../src/limits.ts";
import type { Secrets } from "../config/secrets.ts";

/** A request. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** An answer that has arrived as a whole. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Read only with status 200, else empty. */
  readonly body: Uint8Array;
}

/** Connections to one host. */
export interface Connections {
  /**
   * Sends a request over a free connection, and reads the answer.
   *
   * @param timeoutMs Milliseconds that this may take, up to the last octet of the answer.
   * @throws {Error} If there is no whole answer by then.
   */
  readonly request: (request: HttpRequest, timeoutMs: number) => Promise<HttpAnswer>;
  /** Closes the connections at once. The caller must have waited for the requests. */
  readonly close: () => Promise<void>;
}

/** How to reach a host. */
export interface ConnectionsOptions {
  /** Its path is ignored. */
  readonly url: URL;
  readonly secrets: Pick<Secrets, "ca" | "certificate" | "key">;
  /** POSTs at the same time. Each has its own connection, and a probe uses one more. */
  readonly postsInFlight: number;
  /** Milliseconds that connecting may take. */
  readonly connectTimeoutMs: number;
}

/** Opens connections to a host. */
export type OpenConnections = (options: ConnectionsOptions) => Connections;

/** Opens connections over TCP, and TLS with `https:`. Each connects when there is something to send. */
export const openConnections: OpenConnections = (options) => {
  const pool = createPool(options);
  return {
    request: (request, timeoutMs) =>
      withTimeout(timeoutMs, async (signal) =>
        readWhole(await pool.request({ ...request, headers: request.headers ?? {}, signal })),
      ),
    close: () => pool.destroy(),
  };
};

function createPool({ url, secrets, postsInFlight, connectTimeoutMs }: ConnectionsOptions): Pool {
  const { ca, certificate, key } = secrets;
  return new Pool(url.origin, {
    connections: postsInFlight + 1,
    pipelining: 1,
    connect: {
      timeout: connectTimeoutMs,
      ...(ca !== undefined && { ca }),
      ...(certificate !== undefined && { cert: certificate }),
      ...(key !== undefined && { key }),
    },
    maxResponseSize: relayBodyOctetsMax,
  });
}

const noOctets = new Uint8Array();

/** The connection is free for the next request only after the body has been read. */
async function readWhole({
  statusCode: status,
  headers,
  body,
}: Dispatcher.ResponseData): Promise<HttpAnswer> {
  if (status === 200) return { status, headers, body: new Uint8Array(await body.arrayBuffer()) };
  await body.dump();
  return { status, headers, body: noOctets };
}

async function withTimeout<T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort(new Error(`No answer within ${Math.round(timeoutMs)} ms`));
  }, timeoutMs);
  try {
    return await work(abort.signal);
  } finally {
    clearTimeout(timer);
  }
}
