/**
 * Limits the rate of each source with a token bucket. It is implemented as the generic cell rate algorithm
 * (ITU-T I.371), which keeps one number for each source: the time at which its bucket will be full again.
 *
 * @module
 */

/** Limits of each source, and of the table of sources. */
export interface RateLimits {
  /** Datagrams per second in the long run; 0 means no limit. */
  readonly sourceRate: number;
  /** Datagrams that may arrive at once: 1 or more. */
  readonly sourceBurst: number;
  /** Maximum number of sources to track: 1 or more. */
  readonly sources: number;
}

/** Admits the datagrams of a source while they stay within its rate. */
export class RateLimiter {
  readonly #limits: RateLimits;
  /** Milliseconds until the bucket regains the token of one datagram. */
  readonly #costMs: number;
  /** Time at which each source's bucket is full again, in milliseconds; in the order of their first datagrams. */
  readonly #fullAtMs = new Map<string, number>();

  constructor(limits: RateLimits) {
    this.#limits = limits;
    this.#costMs = 1000 / limits.sourceRate;
  }

  /** Number of tracked sources. */
  get sources(): number {
    return this.#fullAtMs.size;
  }

  /**
   * Decides whether a datagram may pass. A rejected datagram does not count against its source.
   *
   * @param source Undefined if the source has no limit.
   * @param nowMs Time in milliseconds, of any clock that never goes back.
   * @returns Whether the datagram may pass.
   */
  admits(source: string | undefined, nowMs: number): boolean {
    const { sourceRate, sourceBurst } = this.#limits;
    if (sourceRate === 0 || source === undefined) return true;
    const known = this.#fullAtMs.get(source);
    const fullAtMs = Math.max(known ?? 0, nowMs) + this.#costMs;
    // The times are sums of many costs. A tolerance of a thousandth of a cost covers the rounding errors.
    if (fullAtMs - nowMs > (sourceBurst + 0.001) * this.#costMs) return false;
    if (known === undefined) this.#makeRoom();
    this.#fullAtMs.set(source, fullAtMs);
    return true;
  }

  /**
   * Forgets the oldest source if the table is full. It starts again with a full bucket, which is the usual state of a
   * source that last sent long ago.
   */
  #makeRoom(): void {
    if (this.#fullAtMs.size < this.#limits.sources) return;
    const [oldest] = this.#fullAtMs.keys();
    this.#fullAtMs.delete(oldest!);
  }
}
