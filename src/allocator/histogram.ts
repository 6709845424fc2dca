/**
 * Measures how long something takes, as counts per upper bound in the form of a Prometheus histogram.
 *
 * @module
 */

/** The counts of all observations so far. */
export interface HistogramSnapshot {
  /** Upper bound in seconds -> how many observations were at or below it, in ascending order. */
  readonly buckets: readonly { readonly bound: number; readonly count: number }[];
  readonly sum: number;
  readonly count: number;
}

/** Counts observations. */
export interface Histogram {
  readonly observe: (seconds: number) => void;
  readonly snapshot: () => HistogramSnapshot;
}

/** @param bounds Upper bounds in seconds, ascending; everything above the last is counted together. */
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

/** Bounds that range from a commit in memory to a database on another continent. */
export const databaseSecondsBounds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];
