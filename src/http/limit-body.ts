/**
 * Limits the size of request bodies, with or without a Content-Length, and the nesting of JSON.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { refuseDeepJson } from "../declaration/json-depth.ts";
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

/**
 * Middleware that refuses JSON that nests too deeply with 400, before it is parsed. It reads the body, so the size of the
 * body has to be limited before.
 */
export const limitDepth: MiddlewareHandler = async (context, next) => {
  const type = context.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type.endsWith("json")) {
    try {
      refuseDeepJson(await context.req.text());
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw problem(400, `Cannot read the body: ${error.message}`);
    }
  }
  await next();
};
