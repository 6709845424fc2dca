/**
 * Functions that the routes of all resources share.
 *
 * @module
 */
import * as v from "valibot";
import { isRecord } from "../../is-record.ts";
import { nameShownCharactersMax, patchDepthMax } from "../../limits.ts";
import type { PutRefusal, Precondition } from "../../store/configuration/precondition.ts";
import type { Principal } from "../../store/principal.ts";
import type { Store } from "../../store/store.ts";
import { problem } from "../problem.ts";
import type { FieldError } from "../problem.ts";
import { versionConflict } from "./etag.ts";
import { invalid } from "./validation.ts";

/** Creates a 404. It is the same for a missing resource and for one that the caller may not see. */
export function notFound(what: string, name: string): Error {
  return problem(404, `Cannot find ${what} "${name.slice(0, nameShownCharactersMax)}"`);
}

/**
 * Refuses filters of a list that name something that does not exist: an empty list would hide a misspelt name. It is
 * called only when a list is empty, because otherwise the names exist.
 *
 * @throws {HTTPException} 404 when the domain or the pool does not exist, or the caller may not see it.
 */
export async function requireFiltered(
  { domains, pools }: Pick<Store, "domains" | "pools">,
  principal: Principal,
  { domain, pool }: { readonly domain?: string | undefined; readonly pool?: string | undefined },
): Promise<void> {
  if (domain !== undefined && (await domains.find(principal, domain)) === undefined)
    throw notFound("domain", domain);
  if (pool !== undefined && (await pools.find(principal, pool)) === undefined) throw notFound("pool", pool);
}

/**
 * Requires a token for all domains.
 *
 * @param what The attempted operation, as it follows "Cannot" in the error.
 * @throws {HTTPException} 403 when the token is restricted to one domain.
 */
export function requireAllDomains(principal: Principal, what: string): void {
  if (principal.domain !== null) throw allDomainsRequired(principal, what);
}

/** Creates a 403: the operation concerns all domains, and the token is restricted to one. */
export function allDomainsRequired(
  { domain }: Principal,
  what: string,
  errors?: readonly FieldError[],
): Error {
  const found = domain === null ? "a token for all domains" : `a token for domain ${domain.name} only`;
  return problem(403, `Cannot ${what}: found ${found}, expected one for all domains`, {
    ...(errors !== undefined && { errors }),
  });
}

/**
 * Checks that the name in a body, if present, equals the name in the path.
 *
 * @throws {HTTPException} 400 when the names differ.
 */
export function checkName(inPath: string, inBody: string | undefined): void {
  if (inBody === undefined || inBody === inPath) return;
  throw invalid("json", [
    { path: ["name"], received: `"${inBody}"`, message: `expected "${inPath}" as in the path` },
  ]);
}

/**
 * Checks the name in a path when the request may create a resource. A request with If-Match creates nothing, so its
 * name is not checked: no resource has an invalid name.
 *
 * @throws {HTTPException} 400 when the name is invalid.
 */
export function checkNewName(
  schema: v.GenericSchema<string>,
  name: string,
  precondition?: Precondition,
): void {
  if (precondition?.versions !== undefined) return;
  const result = v.safeParse(schema, name);
  if (!result.success) {
    throw invalid(
      "json",
      result.issues.map((issue) => ({ ...issue, path: ["name"] })),
    );
  }
}

/** Creates the error for a refusal that all kinds of resources have in common. */
export function refusalOf(what: string, name: string, refusal: PutRefusal): Error {
  switch (refusal.kind) {
    case "not-found":
      return notFound(what, name);
    case "exists":
      return alreadyExists(what, name);
    case "stale":
      return versionConflict(refusal);
    case "if-match-required":
      return ifMatchRequired(what, name);
    case "changed-meanwhile":
      return changedMeanwhile(what, name);
  }
}

/** Creates a 412: the resource already exists, and the request has If-None-Match: *. */
function alreadyExists(what: string, name: string): Error {
  return problem(
    412,
    `Cannot create ${what} "${name}": found one of this name, expected none (If-None-Match: *)`,
  );
}

/** Creates a 428: without If-Match, a replacement could overwrite someone else's change. */
function ifMatchRequired(what: string, name: string): Error {
  return problem(
    428,
    `Cannot replace ${what} "${name}": found no If-Match, expected the ETag of the resource to replace`,
  );
}

/** Creates a 412: someone else changed the resource between the check and the write. */
function changedMeanwhile(what: string, name: string): Error {
  return problem(
    412,
    `Cannot change ${what} "${name}": it was changed at the same time; read it again, then retry`,
  );
}

/**
 * Applies a JSON merge patch (RFC 7396) and checks the result. Fields that the patch does not name may have a value
 * that only an earlier release accepted: the others can be changed all the same.
 *
 * @returns The patched resource.
 * @throws {HTTPException} 400 when the result does not match the schema, or the patch is nested too deeply.
 */
export function patched<S extends v.GenericSchema>(
  schema: S,
  current: unknown,
  patch: unknown,
): v.InferOutput<S> {
  const result = v.safeParse(schema, mergePatch(current, patch, 0));
  const named = new Set(isRecord(patch) ? Object.keys(patch) : []);
  const faults = (result.issues ?? []).filter(
    ({ path }) => path === undefined || named.has(String(path[0].key)),
  );
  if (result.typed && faults.length === 0) return result.output;
  throw invalid("json", faults.length > 0 ? faults : result.issues!);
}

function mergePatch(target: unknown, patch: unknown, depth: number): unknown {
  if (!isRecord(patch)) return patch;
  if (depth > patchDepthMax) {
    throw problem(
      400,
      `Cannot read the body: found more than ${patchDepthMax} levels of nested objects, expected fewer`,
    );
  }
  const fields = new Map(Object.entries(isRecord(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) fields.delete(name);
    else fields.set(name, mergePatch(fields.get(name), value, depth + 1));
  }
  return Object.fromEntries(fields);
}
