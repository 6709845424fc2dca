/**
 * Counts events of this process since it started. On Workers, each isolate has its own counters, which start at 0 with
 * it.
 *
 * @module
 */

/** Counts by name. Names come from closed lists, so the number of counters is bounded. */
export interface Counters {
  readonly add: (name: string, count?: number) => void;
  readonly snapshot: () => Record<string, number>;
}

/** Creates counters that all start at 0. */
export function createCounters(): Counters {
  const counts = new Map<string, number>();
  return {
    add: (name, count = 1) => {
      if (count > 0) counts.set(name, (counts.get(name) ?? 0) + count);
    },
    snapshot: () => Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
