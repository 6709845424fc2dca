/**
 * How fast a source may send: a token bucket for each, written as the generic cell rate algorithm (ITU-T I.371), which
 * keeps one number a source: the time at which its bucket will be full again.
 *
 * @module
 */

/** Bounds of each source, and of their table. */
export interface RateLimits {
  /** Datagrams a second in the long run; 0 is no limit. */
  readonly sourceRate: number;
  /** Datagrams at once, 1 or more. */
  readonly sourceBurst: number;
  /** Sources that are remembered. */
  readonly sources: number;
}

/** Lets a source's datagrams pass while they keep to its rate. */
export class RateLimiter {
  readonly #limits: RateLimits;
  /** Milliseconds that one datagram takes to be paid for. */
  readonly #costMs: number;
  /** When each source's bucket is full again, in milliseconds; in the order of their first datagrams. */
  readonly #fullAtMs = new Map<string, number>();

  constructor(limits: RateLimits) {
    this.#limits = limits;
    this.#costMs = 1000 / limits.sourceRate;
  }

  /** Sources that are remembered. */
  get sources(): number {
    return this.#fullAtMs.size;
  }

  /**
   * @param source Undefined when it has no limit.
   * @param nowMs Time in milliseconds, of any clock that never goes back.
   * @returns Whether a datagram of this source may pass; one that may not is not counted against it.
   */
  admits(source: string | undefined, nowMs: number): boolean {
    const { sourceRate, sourceBurst } = this.#limits;
    if (sourceRate === 0 || source === undefined) return true;
    const known = this.#fullAtMs.get(source);
    const fullAtMs = Math.max(known ?? 0, nowMs) + this.#costMs;
    // Times are sums of many costs: a thousandth of one covers what they lost in rounding.
    if (fullAtMs - nowMs > (sourceBurst + 0.001) * this.#costMs) return false;
    if (known === undefined) this.#makeRoom();
    this.#fullAtMs.set(source, fullAtMs);
    return true;
  }

  /** A source that is forgotten has a full bucket again, which is what most have that sent long ago. */
  #makeRoom(): void {
    if (this.#fullAtMs.size < this.#limits.sources) return;
    const [oldest] = this.#fullAtMs.keys();
    this.#fullAtMs.delete(oldest!);
  }
}
