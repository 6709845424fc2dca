/**
 * Latencies of a load: every one is kept, so the percentiles are exact.
 *
 * ```ts
 * import { createLatencies } from "./latencies.ts";
 *
 * const latencies = createLatencies(1000);
 * latencies.add(1.25);
 * latencies.summary(); // { count: 1, p50Ms: 1.25, p99Ms: 1.25, maxMs: 1.25 }
 * ```
 *
 * @module
 */

/** What many latencies amount to; all 0 when there are none. */
export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A collection of latencies. */
interface Latencies {
  readonly add: (ms: number) => void;
  readonly summary: () => LatencySummary;
}

/**
 * Creates an empty collection. Nothing is allocated while it fills.
 *
 * @param capacity How many it can take; more are a bug of the caller.
 */
export function createLatencies(capacity: number): Latencies {
  const values = new Float64Array(capacity);
  let count = 0;
  return {
    add: (ms) => {
      if (count === capacity) throw new RangeError(`Cannot add a latency: found ${count}, expected fewer`);
      values[count++] = ms;
    },
    summary: () => {
      const sorted = values.slice(0, count).sort();
      return {
        count,
        p50Ms: percentile(sorted, 50),
        p99Ms: percentile(sorted, 99),
        maxMs: percentile(sorted, 100),
      };
    },
  };
}

/**
 * Reads a percentile by the nearest-rank definition: the least value that at least `percent` of all don't exceed.
 *
 * @param sorted Ascending.
 * @param percent Above 0, up to 100.
 * @returns 0 when there are no values.
 */
export function percentile(sorted: Float64Array, percent: number): number {
  return sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1] ?? 0;
}
