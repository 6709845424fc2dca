/**
 * Limits the size of request bodies, with or without a Content-Length.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { problem } from "./problem.ts";

/**
 * Creates middleware that refuses larger bodies with 413.
 *
 * @param octetsMax Largest body that is accepted, in octets.
 */
export function limitBody(octetsMax: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: octetsMax,
    onError: () => {
      throw problem(413, `Cannot read the body: found more than ${octetsMax} octets, expected at most that`);
    },
  });
}
