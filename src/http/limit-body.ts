/**
 * Bodies have a bound, whether they say their length or not.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { problem } from "./problem.ts";

/** Refuses bodies of more octets, with 413. */
export function limitBody(octetsMax: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: octetsMax,
    onError: () => {
      throw problem(413, `Cannot read the body: found more than ${octetsMax} octets, expected at most that`);
    },
  });
}
