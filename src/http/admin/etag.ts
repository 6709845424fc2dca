/**
 * Versions of resources: responses carry an ETag, and changes may carry If-Match and If-None-Match (RFC 9110 §13.1).
 *
 * @module
 */
import type { Context } from "hono";
import { unparsedCharactersMax } from "../../limits.ts";
import type { Precondition } from "../../store/configuration/precondition.ts";
import { problem } from "../problem.ts";

/** @returns The entity tag of a version. */
export function formatETag(version: number): string {
  return `"${version}"`;
}

/**
 * Reads If-Match and If-None-Match.
 *
 * @returns The precondition that the headers state.
 * @throws {HTTPException} 412 for an If-Match that {@link formatETag} cannot have produced, 400 for an If-None-Match
 *   other than `*`.
 */
export function readPrecondition(context: Context): Precondition {
  const none = context.req.header("if-none-match")?.trim();
  if (none !== undefined && none !== "*") {
    throw problem(
      400,
      `Cannot check If-None-Match: found ${none.slice(0, unparsedCharactersMax)}, expected *`,
    );
  }
  const match = context.req.header("if-match")?.trim();
  if (match === undefined) return { version: undefined, mustBeNew: none === "*" };
  if (match === "*") return { version: "any", mustBeNew: none === "*" };
  const version = /^"(\d{1,15})"$/.exec(match)?.[1];
  if (version === undefined)
    throw versionConflict(match.slice(0, unparsedCharactersMax), "the ETag of a GET");
  return { version: Number(version), mustBeNew: none === "*" };
}

/** Creates a 412: the resource has changed since the client read it, or the ETag belongs to another resource. */
export function versionConflict(found: string, expected: string): Error {
  return problem(
    412,
    `Cannot change the resource: found If-Match ${found}, expected ${expected}; read it again, then retry`,
  );
}
