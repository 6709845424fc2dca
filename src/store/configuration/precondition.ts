/**
 * Preconditions of a change: the caller's statement about the version that it read (RFC 9110 §13.1).
 *
 * @module
 */

/** The precondition of a change. */
export interface Precondition {
  /** If-Match: the required version; undefined without the header, "any" for `*`. */
  readonly version: number | "any" | undefined;
  /** Whether If-None-Match is `*`, so the resource must not exist. */
  readonly mustBeNew: boolean;
}

/** The version differs from the one that the caller names. */
export interface Stale {
  readonly kind: "stale";
  /** The version that the caller names. */
  readonly asked: number;
  /** The current version. */
  readonly version: number;
}

/** Why a change of an existing resource is refused before it is attempted. */
export type ChangeRefusal =
  /** Nothing has this name, or the caller may not see it. */
  | { readonly kind: "not-found" }
  | Stale
  /** Another caller changed it between the read and the change. */
  | { readonly kind: "changed-meanwhile" };

/** Why a creation or a replacement is refused before it is attempted. */
export type PutRefusal =
  | ChangeRefusal
  /** It exists, but the caller requires that it does not. */
  | { readonly kind: "exists" }
  /** It would be replaced, but the caller does not name the version to replace. */
  | { readonly kind: "if-match-required" };

/** @returns Why something with this version must not be changed, or undefined when it may be. */
export function staleness({ version: asked }: Precondition, version: number): Stale | undefined {
  return typeof asked === "number" && asked !== version ? { kind: "stale", asked, version } : undefined;
}

/**
 * Decides whether a replacement is allowed.
 *
 * @param isSame Whether the replacement would change nothing; then it needs no If-Match.
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
