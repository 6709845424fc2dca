/**
 * HTTP client for one allocator: `POST {allocator}/v1/relay` over persistent connections.
 *
 * @module
 */
import { relayDeadlineMsMax } from "../../src/limits.ts";
import { DecodeError } from "../../src/wire/decode-error.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import {
  ageHeader,
  arrivalHeader,
  clockHeader,
  framesType,
  parseClockMs,
} from "../../src/wire/relay-call.ts";
import { beginTrace, traceHeader } from "../../src/wire/trace-context.ts";
import type { Trace } from "../../src/wire/trace-context.ts";
import type { Secrets } from "../config/secrets.ts";
import type { PostFailure, PostOutcome, Unavailable } from "../post.ts";
import type { Connections, HttpAnswer } from "./connections.ts";

/** When the oldest frame of a POST arrived. */
export interface StatedArrival {
  /** Milliseconds since then. */
  readonly ageMs: number;
  /** A time on the judging clock, not later than the arrival, in milliseconds of Unix time; undefined if unknown. */
  readonly clockMs: number | undefined;
}

/** The outcome of a probe. */
export interface ProbeOutcome {
  /** Why the allocator can't serve; undefined if it can, or if the answer does not mean "unavailable". */
  readonly failure: Unavailable | undefined;
  /** Reading of the judging clock, in milliseconds of Unix time; undefined if the answer has none. */
  readonly clockMs: number | undefined;
}

/** Client of one allocator. */
export interface AllocatorClient {
  /** URL, without `/v1/relay`. */
  readonly url: string;
  /**
   * Sends frames and waits for their answers.
   *
   * @param frames RELAY-FORW messages; none to try the URL and the token.
   * @param timeoutMs Milliseconds that the POST may take, up to the last octet of the answer.
   * @param arrival When the oldest of the frames arrived.
   * @returns The outcome of the POST. Failures are data, so this never rejects.
   */
  readonly post: (
    frames: readonly Uint8Array[],
    timeoutMs: number,
    arrival: StatedArrival,
  ) => Promise<PostOutcome>;
  /**
   * Checks whether the allocator can serve (GET /readyz).
   *
   * @param timeoutMs Milliseconds that the probe may take.
   * @returns The outcome. Failures are data, so this never rejects.
   */
  readonly probe: (timeoutMs: number) => Promise<ProbeOutcome>;
  /** Closes the connections at once. The caller must have waited for the POSTs. */
  readonly close: () => Promise<void>;
}

/** How to reach an allocator. */
export interface AllocatorClientOptions {
  /** URL of the allocator, without `/v1/relay`. */
  readonly url: URL;
  readonly secrets: Pick<Secrets, "token">;
  /** The connections to its host. */
  readonly connections: Connections;
  /** Begins the trace of a POST. Default: with random ids. */
  readonly newTrace?: (() => Trace) | undefined;
}

/** Statuses that mean "later", in addition to all from 500. */
const transientStatuses: readonly number[] = [408, 425, 429];

/** Hints for the operator about a status. */
const hints: Readonly<Record<number, string>> = {
  401: ": wrong token?",
  403: ": a token of another scope?",
  404: ": wrong URL?",
};

/** Creates a client for an allocator. It connects when there is something to send. */
export function createAllocatorClient({
  url,
  secrets,
  connections,
  newTrace = () => beginTrace((octets) => void crypto.getRandomValues(octets)),
}: AllocatorClientOptions): AllocatorClient {
  const path = url.pathname.replace(/\/+$/, "");
  const headers = { authorization: `Bearer ${secrets.token}`, "content-type": framesType };
  return {
    url: url.href,
    post: async (frames, timeoutMs, arrival) => {
      const trace = newTrace();
      const outcome = await asOutcome(async () => {
        const request = {
          method: "POST",
          path: `${path}/v1/relay`,
          headers: { ...headers, ...headersOf(arrival), [traceHeader]: trace.header },
          body: encodeFrames(frames),
        } as const;
        return readAnswer(await connections.request(request, timeoutMs), frames.length);
      });
      return outcome.kind === "answers" ? outcome : { ...outcome, traceId: trace.traceId };
    },
    probe: async (timeoutMs) => {
      const request = { method: "GET", path: `${path}/readyz` } as const;
      const outcome = await asOutcome(async () => {
        const { status, headers } = await connections.request(request, timeoutMs);
        return { failure: failureOf(status, headers), clockMs: clockOf(headers) };
      });
      if ("kind" in outcome) return { failure: outcome, clockMs: undefined };
      const { failure, clockMs } = outcome;
      return { failure: failure?.kind === "unavailable" ? failure : undefined, clockMs };
    },
    close: () => connections.close(),
  };
}

/**
 * States an arrival in headers. Allocators refuse an age above the bound, so a longer wait is stated by the arrival only.
 * Without an arrival, frames that are older are not sent (`Uplink.ageMsMax`).
 */
function headersOf({ ageMs, clockMs }: StatedArrival): Record<string, string> {
  return {
    [ageHeader]: String(Math.min(Math.ceil(ageMs), relayDeadlineMsMax)),
    ...(clockMs !== undefined && { [arrivalHeader]: String(clockMs) }),
  };
}

/** Without a clock that can be read, the relay states no arrivals, as with an older allocator. */
function clockOf(headers: HttpAnswer["headers"]): number | undefined {
  const value = headers[clockHeader];
  return typeof value === "string" ? parseClockMs(value) : undefined;
}

/** Every failure, including a timeout, becomes `unavailable`. */
async function asOutcome<T>(request: () => Promise<T>): Promise<T | Unavailable> {
  try {
    return await request();
  } catch (error) {
    return { kind: "unavailable", detail: describe(error) };
  }
}

function readAnswer({ status, headers, body }: HttpAnswer, framesMax: number): PostOutcome {
  const type = String(headers["content-type"] ?? "none").split(";", 1)[0]!;
  if (status === 200 && type === framesType) return decodeAnswerBody(body, framesMax, clockOf(headers));
  return (
    failureOf(status, headers) ?? {
      kind: "malformed",
      detail: `Content type is ${type}, expected ${framesType}`,
    }
  );
}

/** Converts a status into a failure; undefined for 200. */
function failureOf(
  status: number,
  headers: HttpAnswer["headers"],
): Exclude<PostFailure, { kind: "malformed" }> | undefined {
  if (status === 200) return undefined;
  const detail = `Status is ${status}, expected 200${hints[status] ?? ""}`;
  if (status < 500 && !transientStatuses.includes(status)) return { kind: "refused", status, detail };
  const retryAfterMs = parseRetryAfter(headers["retry-after"]);
  return { kind: "unavailable", detail, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** Rejects more answers than queries, so that a faulty allocator can't make the relay flood the network. */
function decodeAnswerBody(body: Uint8Array, framesMax: number, clockMs: number | undefined): PostOutcome {
  try {
    return { kind: "answers", frames: decodeFrames(body, framesMax), clockMs };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { kind: "malformed", detail: error.message };
  }
}

/** Parses Retry-After in seconds (RFC 9110 §10.2.3). The other form, a date, would need synchronised clocks. */
function parseRetryAfter(value: string | string[] | undefined): number | undefined {
  return typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) * 1000 : undefined;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // When connecting fails for every address of a name, Node throws one error with an empty message.
  return error.message === "" ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message;
}
