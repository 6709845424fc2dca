/**
 * Checks requests by the schemas that the API's document is made from, and says each fault with its path.
 *
 * @module
 */
import { validator } from "hono-openapi";
import type { MiddlewareHandler } from "hono";
import type * as v from "valibot";
import { fieldFoundCharactersMax } from "../../limits.ts";
import { problem } from "../problem.ts";
import type { FieldError } from "../problem.ts";

/** Part of an issue that all faults have; those of valibot say more. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: unknown })[] | undefined;
  readonly received?: unknown;
  readonly expected?: unknown;
}

/** Checks the body; the handler has it by `context.req.valid("json")`. A fault is answered with 400 and `errors`. */
export function validBody<Schema extends v.GenericSchema>(schema: Schema) {
  return validator("json", schema, refuseFaults("json"));
}

/** Checks the query; the handler has it by `context.req.valid("query")`. A fault is answered with 400 and `errors`. */
export function validQuery<Schema extends v.GenericSchema>(schema: Schema) {
  return validator("query", schema, refuseFaults("query"));
}

/** What a validator found. */
type Checked = { readonly success: true } | { readonly success: false; readonly error: readonly Issue[] };

function refuseFaults(target: keyof typeof places) {
  return (result: Checked) => {
    if (!result.success) throw invalid(target, result.error);
  };
}

const places = { json: "the body", query: "the query" } as const;

/** A problem that names each fault. */
export function invalid(target: keyof typeof places, issues: readonly Issue[]): Error {
  const errors = issues.map((issue) => fieldErrorOf(issue, target === "query" ? "?" : ""));
  const [first] = errors;
  const detail = `Cannot read ${places[target]}: ${first!.path}: found ${first!.found}, expected ${first!.expected}`;
  return problem(400, detail, { errors });
}

/** Says an issue of a schema in the words of the API. */
function fieldErrorOf(issue: Issue, prefix = ""): FieldError {
  const keys = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  // What no single field can show says itself what it is about.
  const [, subject, told] = /^(.+?): found (.+?), expected /s.exec(issue.message) ?? [];
  const found = told ?? (typeof issue.received === "string" ? issue.received : "a value that does not fit");
  return {
    path: prefix + (keys.join(".") || (subject ?? "(top level)")),
    found: found === "undefined" ? "nothing" : found.slice(0, fieldFoundCharactersMax),
    expected: expectationOf(issue),
  };
}

/** Our own messages say "found …, expected …"; those of valibot have the expectation apart. */
function expectationOf({ message, expected }: Issue): string {
  const told = /\bexpected (.+)$/s.exec(message)?.[1];
  if (told !== undefined) return told;
  if (expected === "never") return "no field of this name";
  if (typeof expected === "string") return expected;
  return message;
}

/** Refuses a body that is not JSON before its octets are looked at. */
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
