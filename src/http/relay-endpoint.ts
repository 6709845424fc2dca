/**
 * `POST /v1/relay` takes DHCPv6 messages from a relay and returns their answers, both framed as in RFC 5460 §5.1.
 *
 * The header `Apportion-Age-Ms` is the age of the oldest message when the POST is sent: the milliseconds since it
 * reached the relay, a whole number from 0 to 60,000. A RELEASE or DECLINE does not end a lease or an offer that its
 * client got after that time. Older relays omit the header, which means 0. Older allocators ignore it.
 *
 * The header `Apportion-Arrival-Ms` states the same on the clock of the database: a time, in milliseconds of Unix time,
 * that is not later than the arrival of the oldest message. It also covers the time that the POST takes to get here. A
 * relay can state it once it has seen `Apportion-Clock-Ms` in an answer, or in that of `/readyz`: what this clock has
 * reached. The earlier of both statements counts.
 *
 * @module
 */
import type { Handler, MiddlewareHandler } from "hono";
import { relayBodyOctetsMax, relayDeadlineMsMax, relayFramesMax } from "../limits.ts";
import { DecodeError } from "../wire/decode-error.ts";
import { decodeFrames, encodeFrames } from "../wire/frames.ts";
import { parseWholeNumber } from "../wire/number.ts";
import { ageHeader, arrivalHeader, clockHeader, framesType, parseClockMs } from "../wire/relay-call.ts";
import type { Counters } from "../allocator/counters.ts";
import type { Pipeline } from "../allocator/pipeline.ts";
import type { Arrival } from "../store/batch/deadline.ts";
import { problem } from "./problem.ts";

/** Variables that `recordArrival` sets in the context of the handler. */
export interface ArrivalEnv {
  Variables: { readMs: number; arrivedMs: number };
}

/** The clocks that determine the age of requests. */
export interface ArrivalClock {
  /** The local clock of the pipeline, in milliseconds. */
  readonly localMs: () => number;
  /** A time by the same clock, not later than the arrival of a request that is read now. */
  readonly arrivedMs: () => number;
}

/** Creates middleware that records when a request arrived. It runs first, because looking up a token takes time. */
export function recordArrival({ localMs, arrivedMs }: ArrivalClock): MiddlewareHandler<ArrivalEnv> {
  return async (context, next) => {
    context.set("readMs", localMs());
    context.set("arrivedMs", arrivedMs());
    await next();
  };
}

/** A POST of a relay. */
export interface RelayPost {
  readonly body: Uint8Array;
  /** Returns the value of a header, by its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** When it was read, by the local clock. */
  readonly readMs: number;
  /** A time by the same clock, not later than its arrival. */
  readonly arrivedMs: number;
}

/** The answer to a POST of a relay. Its status is 200. */
export interface RelayAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Serves the POST of a relay. A frame that cannot be decoded gets no answer.
 *
 * @throws {HTTPException} When the body cannot be split into frames, or a header is unreadable.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export type ServePost = (post: RelayPost) => Promise<RelayAnswer>;

/** Creates the function that serves POSTs. */
export function createServePost(pipeline: Pipeline, counters: Counters): ServePost {
  return async (post) => {
    const arrival = arrivalOf(post);
    const frames = splitBody(post.body);
    const answers = fitBody(await pipeline.serve(frames, arrival), counters);
    return {
      headers: { "content-type": framesType, ...clockHeaders(pipeline) },
      body: encodeFrames(answers),
    };
  };
}

/** Creates the handler. */
export function relayEndpoint(serve: ServePost): Handler<ArrivalEnv> {
  return async (context) => {
    const type = context.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (type !== framesType) {
      throw problem(
        415,
        `Cannot read the body: found content type ${type ?? "none"}, expected ${framesType}`,
      );
    }
    const { headers, body } = await serve({
      body: new Uint8Array(await context.req.arrayBuffer()),
      header: (name) => context.req.header(name),
      readMs: context.get("readMs"),
      arrivedMs: context.get("arrivedMs"),
    });
    return new Response(body, { headers });
  };
}

/** @returns The headers that state what the judging clock has reached; none while it was never read. */
export function clockHeaders({ clockMs }: Pick<Pipeline, "clockMs">): Record<string, string> {
  const reached = clockMs();
  return reached === undefined ? {} : { [clockHeader]: String(reached) };
}

/**
 * Reads what a POST states about its oldest message. A relay that states its arrival on the judging clock has covered
 * the time until the POST is read here, gaps of this process included.
 */
function arrivalOf({ header, readMs, arrivedMs }: RelayPost): Arrival {
  const ageMs = ageOf(header(ageHeader));
  const clockMs = statedArrival(header(arrivalHeader));
  return clockMs === undefined ? { receivedMs: arrivedMs - ageMs } : { receivedMs: readMs - ageMs, clockMs };
}

/** As with the age, an unreadable time is an error. */
function statedArrival(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const clockMs = parseClockMs(header);
  if (clockMs !== undefined) return clockMs;
  throw problem(
    400,
    `Cannot read the header ${arrivalHeader}: found ${JSON.stringify(header)}, expected milliseconds of Unix time`,
  );
}

/**
 * Keeps the answers that fit in a body that relays accept. Our relay packs its POSTs so that all fit; an older one may
 * not, and would refuse them all. Their outcomes have been counted already, so answers that are left out have a separate counter.
 */
function fitBody(answers: readonly Uint8Array[], counters: Counters): readonly Uint8Array[] {
  let octets = 0;
  const kept = answers.filter((answer) => {
    const after = octets + 2 + answer.length;
    if (after > relayBodyOctetsMax) return false;
    octets = after;
    return true;
  });
  counters.add("answersLeftOut", answers.length - kept.length);
  return kept;
}

/** An unreadable age is an error: treating it as 0 would make a late message look new. */
function ageOf(header: string | undefined): number {
  if (header === undefined) return 0;
  try {
    return parseWholeNumber(header, 0, relayDeadlineMsMax);
  } catch {
    throw problem(
      400,
      `Cannot read the header ${ageHeader}: found ${JSON.stringify(header)}, expected milliseconds from 0 to ${relayDeadlineMsMax}`,
    );
  }
}

function splitBody(body: Uint8Array): Uint8Array[] {
  try {
    return decodeFrames(body, relayFramesMax);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw problem(error.reason === "too-many-frames" ? 413 : 400, error.message);
  }
}
