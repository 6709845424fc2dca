/**
 * Describes routes for the OpenAPI document.
 *
 * @module
 */
import { describeRoute, resolver } from "hono-openapi";
import type * as v from "valibot";
import { mergePatchSchema, problemSchema } from "./schemas.ts";

const meanings: Readonly<Record<number, string>> = {
  200: "The request succeeded",
  201: "The resource was created",
  202: "Started, but not finished: repeat the request to continue",
  204: "The request succeeded; the response has no body",
  400: "The request is invalid; `errors` lists the faults of its fields",
  401: "The bearer token is missing or invalid",
  403: "The token does not permit this request",
  404: "The resource does not exist, or the token may not see it",
  409: "The request conflicts with what exists",
  410: "The requested data is no longer kept",
  412: "The resource does not match If-Match or If-None-Match",
  428: "A replacement requires If-Match",
};

/** The If-Match header, which is documented for operations that may answer 412. */
const ifMatch = {
  in: "header",
  name: "If-Match",
  description:
    "Change the resource only if its ETag is in this list; `*` matches any version, a weak ETag none.",
  schema: { type: "string" },
} as const;

const problemContent = { "application/problem+json": { schema: resolver(problemSchema) } };

/** The description of an operation. */
export interface Operation {
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Schemas of the successful responses by status; null for a response without a body. */
  readonly answers: Readonly<Record<number, v.GenericSchema | null>>;
  /** Statuses of problems, in addition to those of every operation (400, 401 and 403). */
  readonly problems?: readonly number[];
  /** The body is a JSON merge patch. */
  readonly isPatch?: boolean;
}

/** Describes a route. Its validators add the query parameters and the body. */
export function operation({ tag, summary, description, answers, problems = [], isPatch = false }: Operation) {
  const responses = Object.fromEntries([
    ...Object.entries(answers).map(([status, schema]) => [
      status,
      {
        description: meanings[Number(status)] ?? "Response",
        ...(schema !== null && { content: { "application/json": { schema: resolver(schema) } } }),
      },
    ]),
    ...[400, 401, 403, ...problems].map((status) => [
      String(status),
      { description: meanings[status] ?? "Problem", content: problemContent },
    ]),
  ]) as Record<string, { description: string }>;
  return describeRoute({
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    responses,
    ...(problems.includes(412) && { parameters: [ifMatch] }),
    ...(isPatch && {
      requestBody: {
        required: true,
        content: { "application/merge-patch+json": { schema: resolver(mergePatchSchema) } },
      },
    }),
  });
}
