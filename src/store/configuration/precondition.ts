/**
 * Preconditions of a change: the version that the caller read and requires (RFC 9110 §13.1).
 *
 * @module
 */

/** The precondition of a change. */
export interface Precondition {
  /** The versions of which one is required, from If-Match; "any" for `*`, undefined without the header. */
  readonly versions: readonly number[] | "any" | undefined;
  /** Whether the resource must not exist: If-None-Match is `*`. */
  readonly mustBeNew: boolean;
  /** The versions that the resource must not have: from If-None-Match. Default: none. */
  readonly excluded?: readonly number[];
}

/** The current version is not one that the caller requires, or is one that it excludes. */
export interface Stale {
  readonly kind: "stale";
  /** The header that states the precondition. */
  readonly header: "If-Match" | "If-None-Match";
  /** Its versions. */
  readonly required: readonly number[];
  /** The current version. */
  readonly version: number;
}

/** Why a change of an existing resource is refused. */
export type ChangeRefusal =
  /** No resource has this name, or the caller may not see it. */
  | { readonly kind: "not-found" }
  | Stale
  /** Another caller changed the resource after it was read. */
  | { readonly kind: "changed-meanwhile" };

/** Why a creation or a replacement is refused. */
export type PutRefusal =
  | ChangeRefusal
  /** The resource exists, but the caller requires that it does not. */
  | { readonly kind: "exists" }
  /** The caller must name the version to replace. */
  | { readonly kind: "if-match-required" };

/** @returns The refusal if the resource does not have a required version; undefined if it may be changed. */
export function staleness(precondition: Precondition, version: number): Stale | undefined {
  const { versions, mustBeNew, excluded = [] } = precondition;
  if (versions !== undefined && versions !== "any" && !versions.includes(version)) {
    return { kind: "stale", header: "If-Match", required: versions, version };
  }
  if (!mustBeNew && !excluded.includes(version)) return undefined;
  return { kind: "stale", header: "If-None-Match", required: mustBeNew ? [version] : excluded, version };
}

/**
 * Decides whether a replacement is allowed.
 *
 * @param isSame Whether the replacement would change nothing: then If-Match is not needed.
 * @returns Why it is refused, or undefined when it is allowed.
 */
export function replacementRefusal(
  precondition: Precondition,
  version: number,
  isSame: boolean,
): PutRefusal | undefined {
  if (precondition.mustBeNew) return { kind: "exists" };
  const stale = staleness(precondition, version);
  if (stale !== undefined) return stale;
  return isSame || precondition.versions !== undefined ? undefined : { kind: "if-match-required" };
}
