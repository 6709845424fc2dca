/**
 * Checks requests against the schemas that also generate the OpenAPI document, and reports each fault with its path.
 *
 * @module
 */
import { validator } from "hono-openapi";
import type { MiddlewareHandler } from "hono";
import type * as v from "valibot";
import { expectationOf } from "../../declaration/fault-words.ts";
import {
  faultMessageCharactersMax,
  faultPathCharactersMax,
  faultsShownMax,
  fieldFoundCharactersMax,
} from "../../limits.ts";
import { formatFieldPath } from "../../field-path.ts";
import { problem } from "../problem.ts";
import type { FieldError } from "../problem.ts";

/** The fields of an issue that this module reads. The issues of valibot have more. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: unknown })[] | undefined;
  readonly received?: unknown;
  readonly expected?: unknown;
}

/** Checks the body; handlers read it with `context.req.valid("json")`. Faults are answered with 400 and `errors`. */
export function validBody<Schema extends v.GenericSchema>(schema: Schema) {
  return validator("json", schema, refuseFaults("json"));
}

/** Checks the query; handlers read it with `context.req.valid("query")`. Faults are answered with 400 and `errors`. */
export function validQuery<Schema extends v.GenericSchema>(schema: Schema) {
  return validator("query", schema, refuseFaults("query"));
}

/**
 * Middleware of routes without a query. A field would be ignored, and who sends `dryRun=true` to a route that has none
 * must not find everything changed.
 */
export const withoutQuery: MiddlewareHandler = async (context, next) => {
  const [field] = Object.keys(context.req.query());
  if (field !== undefined) {
    const received = JSON.stringify(field);
    throw invalid("query", [{ message: "", path: [field], received, expected: "never" }]);
  }
  await next();
};

/** The result of a validator. */
type Checked = { readonly success: true } | { readonly success: false; readonly error: readonly Issue[] };

function refuseFaults(target: keyof typeof places) {
  return (result: Checked) => {
    if (!result.success) throw invalid(target, result.error);
  };
}

const places = { json: "the body", query: "the query" } as const;

/** Creates a 400 that lists the first faults. Its detail describes the first one, and says how many more there are. */
export function invalid(target: keyof typeof places, issues: readonly Issue[]): Error {
  const errors = issues
    .slice(0, faultsShownMax)
    .map((issue) => fieldErrorOf(issue, target === "query" ? "?" : ""));
  const [first] = errors;
  const detail = `Cannot read ${places[target]}: ${first!.path}: found ${first!.found}, expected ${first!.expected}`;
  return problem(400, detail + andMore(issues.length - 1), { errors });
}

/** @returns How many faults there are beside the one that a detail describes. */
export function andMore(count: number): string {
  return count > 0 ? `, and ${count} more` : "";
}

/** Converts an issue of a schema to a fault of the API. */
function fieldErrorOf(issue: Issue, prefix = ""): FieldError {
  const keys = (issue.path ?? []).map((part) =>
    typeof part === "object" ? (part.key as PropertyKey) : part,
  );
  const message = shortened(issue.message);
  // An issue that concerns no single field names its subject in the message.
  const [, subject, foundInMessage] = /^(.+?): found (.+?), expected /s.exec(message) ?? [];
  const found = foundInMessage ?? (typeof issue.received === "string" ? issue.received : "an invalid value");
  return {
    path: prefix + (formatFieldPath(keys) || (subject ?? "(top level)")).slice(0, faultPathCharactersMax),
    found: found === "undefined" ? "nothing" : found.slice(0, fieldFoundCharactersMax),
    expected: expectationOf({ ...issue, message }),
  };
}

/** Removes the middle of a message that repeats a long text. What was expected is at the end. */
function shortened(message: string): string {
  if (message.length <= faultMessageCharactersMax) return message;
  const half = faultMessageCharactersMax / 2;
  return `${message.slice(0, half)}…${message.slice(-half)}`;
}

/**
 * Creates middleware that answers 415 to content types other than JSON, before the body is read.
 *
 * @param types Other media types that are accepted.
 */
export function requireJson(...types: readonly string[]): MiddlewareHandler {
  const accepted = ["application/json", ...types];
  return async (context, next) => {
    const type = context.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (!accepted.includes(type ?? "")) {
      throw problem(
        415,
        `Cannot read the body: found content type ${type ?? "none"}, expected ${accepted.join(" or ")}`,
      );
    }
    await next();
  };
}
