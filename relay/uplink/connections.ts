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
    request: ({ method, path, headers = {}, body = null }, timeoutMs) =>
      new Promise((resolve, reject) => {
        pool.dispatch({ method, path, headers, body }, new Exchange(timeoutMs, resolve, reject));
      }),
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

/**
 * One request and its answer. It takes the events of undici as they come: a stream and an abort signal for each request
 * were a tenth of a relay's work with POSTs of eight frames.
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: HttpAnswer) => void;
  readonly #reject: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #failure: Error | undefined;
  #status = 0;
  #headers: HttpAnswer["headers"] = {};
  readonly #chunks: Buffer[] = [];

  constructor(timeoutMs: number, resolve: (answer: HttpAnswer) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => {
      this.#fail(new Error(`No answer within ${Math.round(timeoutMs)} ms`));
    }, timeoutMs);
  }

  /** The request has a connection. It may have failed while it waited for one. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure !== undefined) controller.abort(this.#failure);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: HttpAnswer["headers"],
  ): void {
    // Before the answer, there may be a 1xx (RFC 9110 §15.2).
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#status === 200) this.#chunks.push(chunk);
  }

  /** The connection is free for the next request only now. */
  onResponseEnd(): void {
    clearTimeout(this.#timer);
    this.#resolve({ status: this.#status, headers: this.#headers, body: joined(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #fail(error: Error): void {
    clearTimeout(this.#timer);
    this.#failure ??= error;
    this.#controller?.abort(error);
    this.#reject(error);
  }
}

/** @returns The octets as a plain array: views of a Buffer take twice as long to make. */
function joined(chunks: readonly Buffer[]): Uint8Array {
  const { buffer, byteOffset, length } = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  return new Uint8Array(buffer, byteOffset, length);
}
