/**
 * Errors as the client of an HTTP API sees them: `application/problem+json` (RFC 9457).
 *
 * @module
 */
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";

const titles = {
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const satisfies Partial<Record<ContentfulStatusCode, string>>;

/** Statuses that this API answers with when it can't do what was asked. */
export type ProblemStatus = keyof typeof titles;

/**
 * Makes a problem document. Its type is `about:blank`: the status says what kind of problem it is.
 *
 * @param detail What was attempted, what was found, what was expected.
 * @param headers Further headers, such as `Retry-After`.
 */
export function problemResponse(
  status: ProblemStatus,
  detail: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify({ type: "about:blank", title: titles[status], status, detail }), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

/** The same, to be thrown where a request can't go on; Hono answers with it. */
export function problem(status: ProblemStatus, detail: string): HTTPException {
  return new HTTPException(status, { res: problemResponse(status, detail) });
}
