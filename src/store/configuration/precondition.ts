/**
 * Preconditions of a change: what the caller says about the version that it looked at (RFC 9110 §13.1).
 *
 * @module
 */

/** What a change may be done to. */
export interface Precondition {
  /** If-Match: the version that it must have; undefined without the header, "any" for `*`. */
  readonly version: number | "any" | undefined;
  /** If-None-Match: `*`, so it must not exist. */
  readonly mustBeNew: boolean;
}

/** The version is another than the one that the caller names. */
export interface Stale {
  readonly kind: "stale";
  /** The version that the caller names. */
  readonly asked: number;
  /** The version that there is. */
  readonly version: number;
}

/** Why a change of something that exists is refused before it is tried. */
export type ChangeRefusal =
  /** Nothing of this name, or nothing that the caller may see. */
  | { readonly kind: "not-found" }
  | Stale
  /** Someone else changed it between the look and the change. */
  | { readonly kind: "changed-meanwhile" };

/** Why a creation or a replacement is refused before it is tried. */
export type PutRefusal =
  | ChangeRefusal
  /** There is one, and the caller says that there must be none. */
  | { readonly kind: "exists" }
  /** It would be replaced, and the caller does not say what it replaces. */
  | { readonly kind: "if-match-required" };

/** @returns Why something of a version must not be changed, or undefined when it may be. */
export function staleness({ version: asked }: Precondition, version: number): Stale | undefined {
  return typeof asked === "number" && asked !== version ? { kind: "stale", asked, version } : undefined;
}

/**
 * Judges a replacement.
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
