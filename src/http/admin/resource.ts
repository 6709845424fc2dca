/**
 * What the routes of all resources do alike.
 *
 * @module
 */
import * as v from "valibot";
import { patchDepthMax } from "../../limits.ts";
import { allPlaces, placeOf } from "../../store/database/databases.ts";
import type { Databases, Place } from "../../store/database/databases.ts";
import type { Principal } from "../auth.ts";
import { problem } from "../problem.ts";
import { invalid } from "./validation.ts";

/** Nothing of this name, or nothing that the caller may see: the answer is the same. */
export function notFound(what: string, name: string): Error {
  return problem(404, `Cannot find ${what} "${name.slice(0, 64)}"`);
}

/** @returns Whether a token may see what belongs to a domain. */
export function maySee({ domain }: Principal, name: string | null): boolean {
  return domain === null || domain.name === name;
}

/**
 * Where a caller is to look.
 *
 * @param domain The one that is asked for, if there is one; the caller may see it.
 */
export function placesFor(
  databases: Databases,
  principal: Principal,
  domain = principal.domain?.name,
): readonly Place[] {
  return domain === undefined ? allPlaces(databases) : [placeOf(databases, domain)];
}

/** Refuses what concerns all domains to a token that is restricted to one. */
export function requireAllDomains({ domain }: Principal, what: string): void {
  if (domain === null) return;
  throw problem(
    403,
    `Cannot ${what}: found a token for domain ${domain.name} only, expected one for all domains`,
  );
}

/** A body names what the path names, or nothing. */
export function checkName(inPath: string, inBody: string | undefined): void {
  if (inBody === undefined || inBody === inPath) return;
  throw invalid("json", [
    { path: ["name"], received: `"${inBody}"`, message: `expected "${inPath}" as in the path` },
  ]);
}

/** Checks a name in a path that something shall have from now on. */
export function checkNewName(schema: v.GenericSchema<string>, name: string): void {
  const result = v.safeParse(schema, name);
  if (!result.success) {
    throw invalid(
      "json",
      result.issues.map((issue) => ({ ...issue, path: ["name"] })),
    );
  }
}

/** There is one already, and the request says that there must not be. */
export function alreadyThere(what: string, name: string): Error {
  return problem(
    412,
    `Cannot create ${what} "${name}": found one of this name, expected none (If-None-Match: *)`,
  );
}

/** A replacement that does not say what it replaces could undo what someone else did. */
export function replacesBlindly(what: string, name: string): Error {
  return problem(
    428,
    `Cannot replace ${what} "${name}": found no If-Match, expected the ETag of what is to be replaced`,
  );
}

/** Someone else was faster, between the check and the change. */
export function changedMeanwhile(what: string, name: string): Error {
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
  throw invalid("json", result.issues as never);
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
