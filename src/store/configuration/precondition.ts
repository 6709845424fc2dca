/**
 * Preconditions of a change: the version that the caller read and requires (RFC 9110 §13.1).
 *
 * @module
 */

/** The precondition of a change. */
export interface Precondition {
  /** The required version, from If-Match; "any" for `*`, undefined without the header. */
  readonly version: number | "any" | undefined;
  /** Whether the resource must not exist: If-None-Match is `*`. */
  readonly mustBeNew: boolean;
}

/** The current version differs from the required one. */
export interface Stale {
  readonly kind: "stale";
  /** The version that the caller requires. */
  readonly required: number;
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

/** @returns The refusal if the resource does not have the required version; undefined if it may be changed. */
export function staleness({ version: required }: Precondition, version: number): Stale | undefined {
  return typeof required === "number" && required !== version
    ? { kind: "stale", required, version }
    : undefined;
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
  return isSame || precondition.version !== undefined ? undefined : { kind: "if-match-required" };
}
