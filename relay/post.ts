/**
 * What becomes of a POST to an allocator. These are plain data: the uplink makes them, observers read them.
 *
 * @module
 */

/** What a POST brought. */
export type PostOutcome = { readonly kind: "answers"; readonly frames: Uint8Array[] } | PostFailure;

/** Why a POST brought no answers. */
export type PostFailure =
  /** No answer in time, no connection, or the allocator says that it can't serve now. Later may do. */
  | Unavailable
  /** The allocator says that the POST is wrong. */
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  /** The allocator answered with status 200, but its body can't be decoded. */
  | { readonly kind: "malformed"; readonly detail: string };

/** No answer, or one that says "later". */
export interface Unavailable {
  readonly kind: "unavailable";
  readonly detail: string;
  /** Milliseconds that the allocator asked for in Retry-After. */
  readonly retryAfterMs?: number;
}

/** A POST that is over. */
export interface EndedPost {
  /** URL of the allocator. */
  readonly allocator: string;
  readonly frames: readonly Uint8Array[];
  readonly outcome: PostOutcome;
  /** Milliseconds from its begin to its end. */
  readonly elapsedMs: number;
}
