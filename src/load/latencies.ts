/**
 * Latencies of a load. Every value is kept, so the percentiles are exact.
 *
 * ```ts
 * import { createLatencies } from "./latencies.ts";
 *
 * const latencies = createLatencies(1000);
 * latencies.add(1.25);
 * latencies.summary(); // { count: 1, minMs: 1.25, meanMs: 1.25, p50Ms: 1.25, p90Ms: 1.25, p99Ms: 1.25, maxMs: 1.25 }
 * ```
 *
 * @module
 */

/** Summary of a collection of latencies; all fields are 0 when it is empty. */
export interface LatencySummary {
  readonly count: number;
  readonly minMs: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A collection of latencies. */
interface Latencies {
  readonly add: (ms: number) => void;
  readonly summary: () => LatencySummary;
}

/**
 * Creates an empty collection. Up to the expected number of values, adding one does not allocate.
 *
 * @param expected How many values are expected: 1 or more.
 */
export function createLatencies(expected: number): Latencies {
  let values = new Float64Array(expected);
  let count = 0;
  return {
    add: (ms) => {
      if (count === values.length) {
        const more = new Float64Array(2 * values.length);
        more.set(values);
        values = more;
      }
      values[count++] = ms;
    },
    summary: () => {
      const sorted = values.slice(0, count).sort();
      return {
        count,
        minMs: sorted[0] ?? 0,
        meanMs: count === 0 ? 0 : sorted.reduce((sum, ms) => sum + ms, 0) / count,
        p50Ms: percentile(sorted, 50),
        p90Ms: percentile(sorted, 90),
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
