/**
 * Latencies of a load. Every value is kept, so the percentiles are exact.
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

/** Summary of a collection of latencies; all fields are 0 when it is empty. */
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
 * Creates an empty collection. It allocates all its memory at once, so that adding a value does not allocate.
 *
 * @param capacity Maximum number of values. Adding more is a bug of the caller and throws a RangeError.
 */
export function createLatencies(capacity: number): Latencies {
  const values = new Float64Array(capacity);
  let count = 0;
  return {
    add: (ms) => {
      if (count === capacity)
        throw new RangeError(`Cannot add a latency: found ${count} values, expected fewer`);
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
 * Computes a percentile by the nearest-rank method: the smallest value that at least `percent` percent of all values
 * do not exceed.
 *
 * @param sorted Values in ascending order.
 * @param percent Above 0, at most 100.
 * @returns The value; 0 when there are none.
 */
export function percentile(sorted: Float64Array, percent: number): number {
  return sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1] ?? 0;
}
