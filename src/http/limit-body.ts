/**
 * Limits the size of request bodies, with or without a Content-Length, and refuses JSON that is nested too deeply or unclear.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { TextError } from "../declaration/declaration-text.ts";
import { DuplicateKeyError, refuseUnclearJson } from "../declaration/json.ts";
import { runAtOnce } from "../declaration/steps.ts";
import { formatFieldPath } from "../field-path.ts";
import { faultPathCharactersMax } from "../limits.ts";
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
      throw problem(
        413,
        `Cannot read the body: found more octets than are accepted, expected at most ${octetsMax}`,
      );
    },
  });
}

/**
 * Middleware that refuses JSON that nests too deeply or has a field twice with 400, before it is parsed. It reads the
 * body, so the size of the body has to be limited before.
 */
export const refuseUnclearBody: MiddlewareHandler = async (context, next) => {
  const type = context.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type.endsWith("json")) {
    try {
      runAtOnce(refuseUnclearJson(await context.req.text()));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw unreadableBody(error);
    }
  }
  await next();
};

/** Creates a 400 for a body that is not JSON or YAML, or that has a field twice. */
export function unreadableBody(error: SyntaxError): Error {
  if (!(error instanceof DuplicateKeyError)) {
    const { message } =
      error instanceof TextError ? new TextError("the body", error.faults.slice(0, 1)) : error;
    return problem(400, message.startsWith("Cannot read ") ? message : `Cannot read the body: ${message}`);
  }
  const path = formatFieldPath(error.path).slice(0, faultPathCharactersMax);
  const found = `this field twice, in line ${error.line} again`;
  return problem(400, error.message, { errors: [{ path, found, expected: "it once" }] });
}
