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
import type { Context, Handler, MiddlewareHandler } from "hono";
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
  /** A time by the same clock, not later than the arrival of a request that is read now. Default: `localMs`. */
  readonly arrivedMs?: (() => number) | undefined;
}

/** Creates middleware that records when a request arrived. It runs first, because looking up a token takes time. */
export function recordArrival({ localMs, arrivedMs = localMs }: ArrivalClock): MiddlewareHandler<ArrivalEnv> {
  return async (context, next) => {
    context.set("readMs", localMs());
    context.set("arrivedMs", arrivedMs());
    await next();
  };
}

/** Creates the handler. It does not answer a frame that it cannot decode. A body that it cannot split is an error. */
export function relayEndpoint(pipeline: Pipeline, counters: Counters): Handler<ArrivalEnv> {
  return async (context) => {
    const type = context.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (type !== framesType) {
      throw problem(
        415,
        `Cannot read the body: found content type ${type ?? "none"}, expected ${framesType}`,
      );
    }
    const arrival = arrivalOf(context);
    const frames = splitBody(new Uint8Array(await context.req.arrayBuffer()));
    const answers = fitBody(await pipeline.serve(frames, arrival), counters);
    const headers = { "content-type": framesType, ...clockHeaders(pipeline) };
    return new Response(encodeFrames(answers), { headers });
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
function arrivalOf(context: Context<ArrivalEnv>): Arrival {
  const ageMs = ageOf(context.req.header(ageHeader));
  const clockMs = statedArrival(context.req.header(arrivalHeader));
  return clockMs === undefined
    ? { receivedMs: context.get("arrivedMs") - ageMs }
    : { receivedMs: context.get("readMs") - ageMs, clockMs };
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
