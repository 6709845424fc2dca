/**
 * `POST /v1/relay`: DHCPv6 messages of a relay in, their answers out, both framed as in RFC 5460 §5.1.
 *
 * The header `Apportion-Age-Ms` says how many milliseconds ago the oldest of the messages came to the relay, when the
 * POST is sent: a whole number from 0 to 60,000. A RELEASE or DECLINE ends nothing that its client got later than that.
 * Older relays omit it, which means 0; older allocators ignore it.
 *
 * @module
 */
import type { Handler, MiddlewareHandler } from "hono";
import { relayDeadlineMsMax, relayFramesMax } from "../limits.ts";
import { DecodeError } from "../wire/decode-error.ts";
import { decodeFrames, encodeFrames } from "../wire/frames.ts";
import { ageHeader, framesType } from "../wire/relay-call.ts";
import type { Pipeline } from "../allocator/pipeline.ts";
import { problem } from "./problem.ts";

/** What the handler finds in its context. */
export interface ArrivalEnv {
  Variables: { arrivedMs: number };
}

/**
 * Records when a request arrived. It runs before everything else, because a token may have to be looked up.
 *
 * @param localMs The local clock of the pipeline, in milliseconds.
 */
export function recordArrival(localMs: () => number): MiddlewareHandler<ArrivalEnv> {
  return async (context, next) => {
    context.set("arrivedMs", localMs());
    await next();
  };
}

/** Creates the handler. A frame that can't be decoded is left unanswered; a body that can't be split fails the request. */
export function relayEndpoint(pipeline: Pipeline): Handler<ArrivalEnv> {
  return async (context) => {
    const type = context.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (type !== framesType) {
      throw problem(
        415,
        `Cannot read the body: found content type ${type ?? "none"}, expected ${framesType}`,
      );
    }
    const receivedMs = context.get("arrivedMs") - ageOf(context.req.header(ageHeader));
    const frames = splitBody(new Uint8Array(await context.req.arrayBuffer()));
    const answers = await pipeline.serve(frames, receivedMs);
    return new Response(encodeFrames(answers), { headers: { "content-type": framesType } });
  };
}

/** An unreadable age is an error: treating it as 0 would make a late message look new. */
function ageOf(header: string | undefined): number {
  if (header === undefined) return 0;
  const age = /^\d{1,5}$/.test(header) ? Number(header) : Infinity;
  if (age <= relayDeadlineMsMax) return age;
  throw problem(
    400,
    `Cannot read the header ${ageHeader}: found ${JSON.stringify(header)}, expected milliseconds from 0 to ${relayDeadlineMsMax}`,
  );
}

function splitBody(body: Uint8Array): Uint8Array[] {
  try {
    return decodeFrames(body, relayFramesMax);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw problem(error.reason === "too-many-frames" ? 413 : 400, error.message);
  }
}
