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
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  410: "Gone",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  428: "Precondition Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const satisfies Partial<Record<ContentfulStatusCode, string>>;

/** Statuses that this API answers with when it can't do what was asked. */
export type ProblemStatus = keyof typeof titles;

/** One fault of a request: where, what was there, what should be. */
export interface FieldError {
  /** Names and numbers between dots, `domains.0.pools.2.range`; what is in the query begins with `?`. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

/** What goes with a problem, beside its status and its detail. */
export interface ProblemExtras {
  /** Further headers, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Each fault of the request. */
  readonly errors?: readonly FieldError[];
}

/**
 * Makes a problem document. Its type is `about:blank`: the status says what kind of problem it is.
 *
 * @param detail What was attempted, what was found, what was expected.
 */
export function problemResponse(
  status: ProblemStatus,
  detail: string,
  { headers = {}, errors }: ProblemExtras = {},
): Response {
  const document = { type: "about:blank", title: titles[status], status, detail, errors };
  return new Response(JSON.stringify(document), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

/** The same, to be thrown where a request can't go on; Hono answers with it. */
export function problem(status: ProblemStatus, detail: string, extras: ProblemExtras = {}): HTTPException {
  return new HTTPException(status, { res: problemResponse(status, detail, extras) });
}
