/**
 * Describes routes for the OpenAPI document.
 *
 * @module
 */
import { describeRoute, resolver } from "hono-openapi";
import type * as v from "valibot";
import { mergePatchSchema, problemSchema } from "./schemas.ts";

const meanings: Readonly<Record<number, string>> = {
  200: "As asked",
  201: "Created",
  202: "Begun; ask again to go on",
  204: "Done",
  400: "The request has faults: `errors` names them",
  401: "No token, or none that is good",
  403: "The token may not do this",
  404: "There is none",
  409: "What is there does not allow it",
  410: "What is asked for is kept no longer",
  412: "It is not, or no longer, what If-Match or If-None-Match says",
  428: "A replacement has to say by If-Match what it replaces",
};

/** The If-Match header, which is documented for operations that may answer 412. */
const ifMatch = {
  in: "header",
  name: "If-Match",
  description: "Only if this is its ETag; `*` for whatever is there.",
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
        description: meanings[Number(status)] ?? "Answer",
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
