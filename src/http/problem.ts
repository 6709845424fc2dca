/**
 * HTTP errors as problem documents: `application/problem+json` (RFC 9457).
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
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  417: "Expectation Failed",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const satisfies Partial<Record<ContentfulStatusCode, string>>;

/** Statuses of the errors of this API. */
export type ProblemStatus = keyof typeof titles;

/** One fault of a request: its path, what was found, and what was expected. */
export interface FieldError {
  /** Names and indexes joined by dots, such as `domains.0.pools.2.range`. The path of a query field begins with `?`. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

/** Optional parts of a problem response. */
export interface ProblemExtras {
  /** Additional headers, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The faults of the request, one entry each. */
  readonly errors?: readonly FieldError[];
}

/**
 * Creates a response with a problem document. Its type is `about:blank`, because the status identifies the kind of
 * problem.
 *
 * @param detail What was attempted, what was found, and what was expected.
 * @returns The response.
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

/**
 * Creates an exception with a problem response. A handler throws it to end the request, and Hono sends the response.
 *
 * @param detail What was attempted, what was found, and what was expected.
 */
export function problem(status: ProblemStatus, detail: string, extras: ProblemExtras = {}): HTTPException {
  return new HTTPException(status, { res: problemResponse(status, detail, extras) });
}
