/**
 * Versions of resources: responses carry an ETag, and requests may carry If-Match and If-None-Match (RFC 9110 §13.1).
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import { unparsedCharactersMax } from "../../limits.ts";
import type { Precondition, Stale } from "../../store/configuration/precondition.ts";
import { matchesStrongly, matchesWeakly, parseEntityTags } from "../entity-tags.ts";
import type { EntityTag, EntityTags } from "../entity-tags.ts";
import { problem } from "../problem.ts";

/** @returns The entity tag of a version. */
export function formatETag(version: number): string {
  return `"${version}"`;
}

/**
 * Reads If-Match and If-None-Match of a request that changes something.
 *
 * @returns The precondition that the headers state.
 * @throws {HTTPException} 400 for a header that is neither `*` nor a list of ETags.
 */
export function readPrecondition(context: Context): Precondition {
  const match = readTags(context, "if-match");
  const none = readTags(context, "if-none-match");
  return {
    versions:
      match === undefined || match === "any" ? match : versionsOf(match.filter(({ isWeak }) => !isWeak)),
    mustBeNew: none === "any",
    excluded: none === undefined || none === "any" ? [] : versionsOf(none),
  };
}

function readTags(context: Context, name: "if-match" | "if-none-match"): EntityTags | undefined {
  const value = context.req.header(name);
  if (value === undefined) return undefined;
  const tags = parseEntityTags(value);
  if (tags !== undefined) return tags;
  const header = name === "if-match" ? "If-Match" : "If-None-Match";
  const found = value.slice(0, unparsedCharactersMax);
  throw problem(
    400,
    `Cannot read ${header}: found ${found}, expected * or a list of ETags, such as "3", "4"`,
  );
}

/** Leaves out tags that {@link formatETag} never produces: they match no version. */
function versionsOf(tags: readonly EntityTag[]): number[] {
  return tags.filter(({ opaque }) => /^(0|[1-9]\d{0,14})$/.test(opaque)).map(({ opaque }) => Number(opaque));
}

/** Middleware that answers conditional reads: 412 if If-Match does not match, 304 if If-None-Match does. */
export const answerConditionalReads: MiddlewareHandler = async (context, next) => {
  const isRead = ["GET", "HEAD"].includes(context.req.method);
  const match = isRead ? readTags(context, "if-match") : undefined;
  const none = isRead ? readTags(context, "if-none-match") : undefined;
  await next();
  const etag = context.res.headers.get("etag");
  if (!isRead || context.res.status !== 200 || etag === null) return;
  const opaque = etag.slice(1, -1);
  if (match !== undefined && !matchesStrongly(match, opaque)) {
    throw problem(412, `Cannot read the resource: found other ETags in If-Match, expected ${etag}`);
  }
  if (none === undefined || !matchesWeakly(none, opaque)) return;
  const { headers } = context.res;
  for (const name of ["content-type", "content-length"]) headers.delete(name);
  context.res = new Response(null, { status: 304, headers });
};

/** Creates a 412: the resource has changed since the client read it, or the ETag belongs to another resource. */
export function versionConflict({ header, required, version }: Stale): Error {
  const found = required.length === 0 ? "no ETag of this resource" : required.map(formatETag).join(", ");
  const expected = header === "If-Match" ? formatETag(version) : `one without ${formatETag(version)}`;
  return problem(
    412,
    `Cannot change the resource: found ${header} ${found}, expected ${expected}; read it again, then retry`,
  );
}
