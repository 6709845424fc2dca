/**
 * The way to one allocator: `POST {allocator}/v1/relay` over connections that stay open.
 *
 * @module
 */
import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { relayBodyOctetsMax } from "../../src/limits.ts";
import { DecodeError } from "../../src/wire/decode-error.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import { ageHeader, framesType } from "../../src/wire/relay-call.ts";
import type { Secrets } from "../config/secrets.ts";
import type { PostFailure, PostOutcome, Unavailable } from "../post.ts";

/** One allocator, as the relay sees it. */
export interface AllocatorClient {
  /** URL, without `/v1/relay`. */
  readonly url: string;
  /**
   * Sends frames and waits for their answers.
   *
   * @param frames RELAY-FORW messages, at least one.
   * @param timeoutMs Milliseconds that it may take, from its begin to the last octet of its answer.
   * @param ageMs Milliseconds since the oldest of the frames came.
   * @returns What became of them; failures are data, so this never rejects.
   */
  readonly post: (frames: readonly Uint8Array[], timeoutMs: number, ageMs: number) => Promise<PostOutcome>;
  /**
   * Asks whether it can serve.
   *
   * @returns Why it can't; undefined when it can, and when it answers anything that does not say that it can't.
   */
  readonly probe: (timeoutMs: number) => Promise<Unavailable | undefined>;
  /** Closes the connections at once: the caller has waited for the POSTs. */
  readonly close: () => Promise<void>;
}

/** How to reach an allocator. */
export interface AllocatorClientOptions {
  /** URL of the allocator, without `/v1/relay`. */
  readonly url: URL;
  readonly secrets: Secrets;
  /** POSTs at the same time; each has a connection, and a probe has one more. */
  readonly postsInFlight: number;
  /** Milliseconds that a connection may take to come about. */
  readonly connectTimeoutMs: number;
}

/** Statuses that say "later", beside all of 500 and above. */
const transientStatuses: readonly number[] = [408, 425, 429];

/** Connects to an allocator, when there is something to send. */
export function createAllocatorClient(options: AllocatorClientOptions): AllocatorClient {
  const { url, secrets } = options;
  const pool = createConnectionPool(options);
  const path = url.pathname.replace(/\/+$/, "");
  const headers = { authorization: `Bearer ${secrets.token}`, "content-type": framesType };
  return {
    url: url.href,
    post: (frames, timeoutMs, ageMs) =>
      withTimeout(timeoutMs, async (signal) => {
        const answer = await pool.request({
          method: "POST",
          path: `${path}/v1/relay`,
          body: encodeFrames(frames),
          signal,
          headers: { ...headers, [ageHeader]: String(Math.ceil(ageMs)) },
        });
        return readAnswer(answer, frames.length);
      }),
    probe: async (timeoutMs) => {
      const outcome = await withTimeout(timeoutMs, async (signal) => {
        const { statusCode, headers, body } = await pool.request({
          method: "GET",
          path: `${path}/readyz`,
          signal,
        });
        await body.dump();
        return failureOf(statusCode, headers);
      });
      return outcome?.kind === "unavailable" ? outcome : undefined;
    },
    close: () => pool.destroy(),
  };
}

function createConnectionPool({
  url,
  secrets,
  postsInFlight,
  connectTimeoutMs,
}: AllocatorClientOptions): Pool {
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

/** Limits the time of a request. Every failure, a late answer too, becomes `unavailable`. */
async function withTimeout<T>(
  timeoutMs: number,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T | Unavailable> {
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort(new Error(`No answer within ${Math.round(timeoutMs)} ms`));
  }, timeoutMs);
  try {
    return await request(abort.signal);
  } catch (error) {
    return { kind: "unavailable", detail: describe(error) };
  } finally {
    clearTimeout(timer);
  }
}

async function readAnswer(answer: Dispatcher.ResponseData, framesMax: number): Promise<PostOutcome> {
  const { statusCode: status, headers, body } = answer;
  const type = String(headers["content-type"] ?? "none").split(";", 1)[0]!;
  if (status === 200 && type === framesType) {
    return decodeAnswerBody(new Uint8Array(await body.arrayBuffer()), framesMax);
  }
  // The connection is free for the next POST only after the body was read.
  await body.dump();
  return (
    failureOf(status, headers) ?? {
      kind: "malformed",
      detail: `Content type is ${type}, expected ${framesType}`,
    }
  );
}

/** What a status other than 200 says. */
function failureOf(
  status: number,
  headers: Dispatcher.ResponseData["headers"],
): Exclude<PostFailure, { kind: "malformed" }> | undefined {
  if (status === 200) return undefined;
  const detail = `Status is ${status}, expected 200`;
  if (status < 500 && !transientStatuses.includes(status)) return { kind: "refused", status, detail };
  const retryAfterMs = parseRetryAfter(headers["retry-after"]);
  return { kind: "unavailable", detail, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** No more answers than questions: an allocator that errs can't make the relay a source of datagrams. */
function decodeAnswerBody(body: Uint8Array, framesMax: number): PostOutcome {
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
