/**
 * A source of random numbers: small, fast, and the same on every machine for the same seed.
 *
 * @module
 */

/** A pseudo-random sequence (xorshift32). */
export class Random {
  #state: number;

  /**
   * @param seed Any whole number.
   * @param stream Separates sequences of one seed from each other.
   */
  constructor(seed: number, stream = 0) {
    // Seeds that differ by one give states that have nothing in common; xorshift needs a state other than 0.
    let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
    this.#state = (mixed ^ (mixed >>> 15)) | 0 || 1;
  }

  /** @returns Unsigned 32 bits. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  /** @returns A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** @returns At least 0, less than 1. */
  fraction(): number {
    return this.next() / 0x1_0000_0000;
  }

  /** @returns At least `min`, less than `max`. */
  between(min: number, max: number): number {
    return min + (max - min) * this.fraction();
  }

  /** @returns True once in `times` calls. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** @returns Random octets. */
  octets(length: number): Uint8Array {
    const octets = new Uint8Array(length);
    for (let at = 0; at < length; at++) octets[at] = this.next() >>> 11;
    return octets;
  }
}
