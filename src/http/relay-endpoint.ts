/**
 * `POST /v1/relay`: DHCPv6 messages of a relay in, their answers out, both framed as in RFC 5460 §5.1.
 *
 * @module
 */
import type { Handler } from "hono";
import { relayFramesMax } from "../limits.ts";
import { DecodeError } from "../wire/decode-error.ts";
import { decodeFrames, encodeFrames } from "../wire/frames.ts";
import type { Pipeline } from "./pipeline.ts";
import { problem } from "./problem.ts";

/** Media type of frames: none is registered for them. */
const framesType = "application/octet-stream";

/** Creates the handler. A frame that is no good costs only itself; a body that can't be split costs the request. */
export function relayEndpoint(pipeline: Pipeline): Handler {
  return async (context) => {
    const type = context.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (type !== framesType) {
      throw problem(
        415,
        `Cannot read the body: found content type ${type ?? "none"}, expected ${framesType}`,
      );
    }
    const frames = splitBody(new Uint8Array(await context.req.arrayBuffer()));
    const answers = await pipeline.serve(frames);
    return new Response(encodeFrames(answers), { headers: { "content-type": framesType } });
  };
}

function splitBody(body: Uint8Array): Uint8Array[] {
  try {
    return decodeFrames(body, relayFramesMax);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw problem(error.reason === "too-many-frames" ? 413 : 400, error.message);
  }
}
