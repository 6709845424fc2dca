/**
 * Counts durations in buckets, like a Prometheus histogram.
 *
 * @module
 */

/** The observations so far. */
export interface HistogramSnapshot {
  /** In ascending order: an upper bound in seconds, and the number of observations at or below it. */
  readonly buckets: readonly { readonly bound: number; readonly count: number }[];
  /** Sum of all observations, in seconds. */
  readonly sum: number;
  readonly count: number;
}

/** Counts observed durations. */
export interface Histogram {
  readonly observe: (seconds: number) => void;
  readonly snapshot: () => HistogramSnapshot;
}

/**
 * Creates an empty histogram.
 *
 * @param bounds Upper bounds in seconds, ascending. Longer durations count only in `sum` and `count`.
 */
export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = bounds.map(() => 0);
  let [sum, count] = [0, 0];
  return {
    observe(seconds) {
      sum += seconds;
      count += 1;
      const index = bounds.findIndex((bound) => seconds <= bound);
      if (index >= 0) counts[index]! += 1;
    },
    snapshot() {
      let below = 0;
      return {
        buckets: bounds.map((bound, index) => ({ bound, count: (below += counts[index]!) })),
        sum,
        count,
      };
    },
  };
}

/** Upper bounds in seconds, from a commit in memory to a database on another continent. */
export const transactionSecondsBounds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];
