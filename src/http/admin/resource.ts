/**
 * What the routes of all resources do alike.
 *
 * @module
 */
import * as v from "valibot";
import { nameShownCharactersMax, patchDepthMax } from "../../limits.ts";
import type { PutRefusal, Precondition } from "../../store/configuration/precondition.ts";
import type { Principal } from "../../store/principal.ts";
import { problem } from "../problem.ts";
import { formatETag, versionConflict } from "./etag.ts";
import { invalid } from "./validation.ts";

/** Nothing of this name, or nothing that the caller may see: the answer is the same. */
export function notFound(what: string, name: string): Error {
  return problem(404, `Cannot find ${what} "${name.slice(0, nameShownCharactersMax)}"`);
}

/**
 * Refuses what concerns all domains to a token that is restricted to one.
 *
 * @throws {HTTPException} 403.
 */
export function requireAllDomains(principal: Principal, what: string): void {
  if (principal.domain !== null) throw allDomainsRequired(principal, what);
}

/** It concerns all domains, and the token is restricted to one. */
export function allDomainsRequired({ domain }: Principal, what: string): Error {
  const found = domain === null ? "a token for all domains" : `a token for domain ${domain.name} only`;
  return problem(403, `Cannot ${what}: found ${found}, expected one for all domains`);
}

/** A body names what the path names, or nothing. */
export function checkName(inPath: string, inBody: string | undefined): void {
  if (inBody === undefined || inBody === inPath) return;
  throw invalid("json", [
    { path: ["name"], received: `"${inBody}"`, message: `expected "${inPath}" as in the path` },
  ]);
}

/**
 * Checks a name in a path that something may have from now on. With If-Match nothing is created, so that whatever the
 * name is, nothing has it.
 *
 * @throws {HTTPException} 400.
 */
export function checkNewName(
  schema: v.GenericSchema<string>,
  name: string,
  precondition?: Precondition,
): void {
  if (precondition?.version !== undefined) return;
  const result = v.safeParse(schema, name);
  if (!result.success) {
    throw invalid(
      "json",
      result.issues.map((issue) => ({ ...issue, path: ["name"] })),
    );
  }
}

/** Says why the store refused a change of one thing, where that is the same for all kinds of things. */
export function refusalOf(what: string, name: string, refusal: PutRefusal): Error {
  switch (refusal.kind) {
    case "not-found":
      return notFound(what, name);
    case "exists":
      return alreadyExists(what, name);
    case "stale":
      return versionConflict(formatETag(refusal.asked), formatETag(refusal.version));
    case "if-match-required":
      return ifMatchRequired(what, name);
    case "changed-meanwhile":
      return changedMeanwhile(what, name);
  }
}

/** There is one already, and the request says that there must not be. */
function alreadyExists(what: string, name: string): Error {
  return problem(
    412,
    `Cannot create ${what} "${name}": found one of this name, expected none (If-None-Match: *)`,
  );
}

/** A replacement that does not say what it replaces could undo what someone else did. */
function ifMatchRequired(what: string, name: string): Error {
  return problem(
    428,
    `Cannot replace ${what} "${name}": found no If-Match, expected the ETag of what is to be replaced`,
  );
}

/** Someone else was faster, between the check and the change. */
function changedMeanwhile(what: string, name: string): Error {
  return problem(
    412,
    `Cannot change ${what} "${name}": it was changed at the same time; read it again and decide anew`,
  );
}

/**
 * Applies a JSON merge patch (RFC 7396), and checks what it makes.
 *
 * @throws {HTTPException} 400 when the result is no such resource.
 */
export function patched<S extends v.GenericSchema>(
  schema: S,
  current: unknown,
  patch: unknown,
): v.InferOutput<S> {
  const result = v.safeParse(schema, mergePatch(current, patch, 0));
  if (result.success) return result.output;
  throw invalid("json", result.issues);
}

function mergePatch(target: unknown, patch: unknown, depth: number): unknown {
  if (!isObject(patch)) return patch;
  if (depth > patchDepthMax) {
    throw problem(
      400,
      `Cannot read the body: found more than ${patchDepthMax} objects in each other, expected fewer`,
    );
  }
  const fields = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) fields.delete(name);
    else fields.set(name, mergePatch(fields.get(name), value, depth + 1));
  }
  return Object.fromEntries(fields);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
