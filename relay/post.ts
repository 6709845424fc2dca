/**
 * Outcome of a POST to an allocator. Plain data: the uplink creates it, observers read it.
 *
 * @module
 */

/** Outcome of a POST: the answers, or why there are none. */
export type PostOutcome = PostAnswers | PostFailure;

/** The answers of an allocator. */
export interface PostAnswers {
  readonly kind: "answers";
  readonly frames: Uint8Array[];
  /** What the judging clock has reached, in milliseconds of Unix time; undefined from an older allocator. */
  readonly clockMs?: number | undefined;
}

/** Why a POST returned no answers, and its trace id, by which the allocator's log names it. */
export type PostFailure = PostFault & { readonly traceId?: string | undefined };

/** What went wrong with a POST. */
type PostFault =
  /** No answer in time, no connection, or a status that means "later". A later POST may succeed. */
  | Unavailable
  /** The allocator rejected the POST. */
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  /** The allocator answered with status 200, but its body can't be decoded. */
  | { readonly kind: "malformed"; readonly detail: string };

/** No answer, or an answer whose status means "later". */
export interface Unavailable {
  readonly kind: "unavailable";
  readonly detail: string;
  /** Retry-After of the allocator, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** A POST that has ended. */
export interface EndedPost {
  /** URL of the allocator. */
  readonly allocator: string;
  readonly frames: readonly Uint8Array[];
  readonly outcome: PostOutcome;
  /** Milliseconds from the start of the POST to its end. */
  readonly elapsedMs: number;
}
