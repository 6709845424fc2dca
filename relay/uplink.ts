/**
 * The way to the allocator: `POST {allocator}/v1/relay` over connections that stay open.
 *
 * @module
 */
import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { relayBodyOctetsMax } from "../src/limits.ts";
import { DecodeError } from "../src/wire/decode-error.ts";
import { decodeFrames, encodeFrames } from "../src/wire/frames.ts";

/** Why a POST brought no answers. */
export type PostFailure =
  /** No answer in time, no connection, or the allocator says that it can't serve now. Later may do. */
  | { readonly kind: "unavailable"; readonly detail: string; readonly retryAfterMs?: number }
  /** The allocator says that the POST is wrong. */
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  /** The allocator says that all is well, and what it sent is not. */
  | { readonly kind: "malformed"; readonly detail: string };

/** What became of a POST. */
export type PostOutcome = { readonly kind: "answers"; readonly frames: Uint8Array[] } | PostFailure;

/** How to reach an allocator. */
export interface UplinkOptions {
  /** URL of the allocator, without `/v1/relay`. */
  readonly allocator: URL;
  /** Secret that the relay presents. */
  readonly token: string;
  /** Connections, one for each POST in flight. */
  readonly connections: number;
  /** Milliseconds that a POST may take, from its begin to the last octet of its answer. */
  readonly timeoutMs: number;
}

/** Media type of frames: none is registered for them. */
const framesType = "application/octet-stream";

/** Statuses that say "later", beside all of 500 and above. */
const transientStatuses: readonly number[] = [408, 425, 429];

/** The way to one allocator. */
export class Uplink {
  readonly #pool: Pool;
  readonly #request: Pick<Dispatcher.RequestOptions, "method" | "path" | "headers">;
  readonly #timeoutMs: number;

  constructor({ allocator, token, connections, timeoutMs }: UplinkOptions) {
    this.#pool = new Pool(allocator.origin, {
      connections,
      pipelining: 1,
      connect: { timeout: timeoutMs },
      maxResponseSize: relayBodyOctetsMax,
    });
    this.#request = {
      method: "POST",
      path: `${allocator.pathname.replace(/\/+$/, "")}/v1/relay`,
      headers: { authorization: `Bearer ${token}`, "content-type": framesType },
    };
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Sends frames and waits for their answers.
   *
   * @param frames RELAY-FORW messages, at least one.
   * @returns What became of them; failures are data, so this never rejects.
   */
  async post(frames: readonly Uint8Array[]): Promise<PostOutcome> {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      abort.abort(new Error(`No answer within ${this.#timeoutMs} ms`));
    }, this.#timeoutMs);
    try {
      const body = encodeFrames(frames);
      const answer = await this.#pool.request({ ...this.#request, body, signal: abort.signal });
      return await readAnswer(answer, frames.length);
    } catch (error) {
      return { kind: "unavailable", detail: describe(error) };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the connections, at once: whoever closes has waited for the POSTs. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

async function readAnswer(answer: Dispatcher.ResponseData, framesMax: number): Promise<PostOutcome> {
  const { statusCode: status, headers, body } = answer;
  const type = String(headers["content-type"] ?? "none").split(";", 1)[0]!;
  if (status === 200 && type === framesType) {
    return decodeAnswer(new Uint8Array(await body.arrayBuffer()), framesMax);
  }
  // The connection is free for the next POST only after the body was read.
  await body.dump();
  if (status === 200) return { kind: "malformed", detail: `Content type is ${type}, expected ${framesType}` };
  const detail = `Status is ${status}, expected 200`;
  if (status < 500 && !transientStatuses.includes(status)) return { kind: "refused", status, detail };
  const retryAfterMs = parseRetryAfter(headers["retry-after"]);
  return retryAfterMs === undefined
    ? { kind: "unavailable", detail }
    : { kind: "unavailable", detail, retryAfterMs };
}

/** No more answers than questions: an allocator that errs can't make the relay a source of datagrams. */
function decodeAnswer(body: Uint8Array, framesMax: number): PostOutcome {
  try {
    return { kind: "answers", frames: decodeFrames(body, framesMax) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { kind: "malformed", detail: error.message };
  }
}

/** Reads seconds (RFC 9110 §10.2.3). The other form, a date, would need two clocks that agree. */
function parseRetryAfter(value: string | string[] | undefined): number | undefined {
  return typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) * 1000 : undefined;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several failed attempts to connect (one for each address of a name) come as one error with an empty message.
  return error.message === "" ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message;
}
