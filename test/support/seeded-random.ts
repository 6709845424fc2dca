/**
 * Random numbers from a seed.
 *
 * @module
 */

/** A source of random numbers. */
export interface SeededRandom {
  /** Returns a whole number from 0 to below `limit`. */
  readonly below: (limit: number) => number;
  readonly pick: <T>(all: readonly T[]) => T;
}

/** Creates a source that returns the same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
  return { below, pick: (all) => all[below(all.length)]! };
}
