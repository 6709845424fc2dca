/**
 * Goodput of a load: how many exchanges ended in each second.
 *
 * @module
 */

/** Milliseconds of a window in which exchanges are counted. */
const windowMs = 1000;

/** Milliseconds between the beginnings of two windows. */
const binMs = 100;

/** Counts exchanges by the time at which they ended. */
export interface Goodput {
  /** Counts one exchange. */
  readonly count: () => void;
  /**
   * Returns how many exchanges the slowest second had. The last second does not count, because few clients are left in it, so
   * a load of less than two seconds has no slowest one.
   */
  readonly slowestSecond: () => number | undefined;
}

/** @param nowMs Milliseconds of a monotonic clock. */
export function createGoodput(nowMs: () => number): Goodput {
  const bins: number[] = [];
  const beganMs = nowMs();
  return {
    count: () => {
      const bin = Math.floor((nowMs() - beganMs) / binMs);
      while (bins.length <= bin) bins.push(0);
      bins[bin]!++;
    },
    slowestSecond: () => {
      const each = windowMs / binMs;
      const windows = bins.length - 2 * each + 1;
      if (windows < 1) return undefined;
      const sums = Array.from({ length: windows }, (_, first) =>
        bins.slice(first, first + each).reduce((sum, count) => sum + count, 0),
      );
      return Math.min(...sums);
    },
  };
}
