/**
 * Measures pairs of rounds, one round of each side, and compares the sides.
 *
 * A single figure is not reliable: on a shared machine it varies by 15 % from run to run. The two rounds of a pair run
 * directly after each other, so they see almost the same machine. Therefore a ratio is computed within each pair, and
 * the median of these ratios is the result. The side that is measured first alternates, so that a drift of the machine
 * favours neither side.
 *
 * @module
 */
import type { Measurement } from "./measure.ts";
import type { Round } from "./round.ts";
import { sideNames } from "./side.ts";
import type { SideName } from "./side.ts";

/** A round of each side. */
export interface Pair<R extends Measurement = Round> {
  /** The side that was measured first. */
  readonly first: SideName;
  readonly this: R;
  readonly other: R;
}

/**
 * Returns the order of the sides in a pair, which alternates: this, other; other, this; this, other; …
 *
 * @param index Number of the pair, from 0.
 */
export function orderOf(index: number): readonly [SideName, SideName] {
  return index % 2 === 0 ? ["this", "other"] : ["other", "this"];
}

/**
 * Measures pairs, one round at a time.
 *
 * @param count Number of pairs, at least 1.
 * @param run Measures one round of a side. All of its processes must have exited when it resolves.
 * @param onPair Called with each complete pair.
 */
export async function runPairs<R extends Measurement>(
  count: number,
  run: (side: SideName) => Promise<R>,
  onPair: (pair: Pair<R>) => void = () => undefined,
): Promise<Pair<R>[]> {
  const pairs: Pair<R>[] = [];
  for (let index = 0; index < count; index++) {
    const [first, second] = orderOf(index);
    const [one, two] = [await run(first), await run(second)];
    const pair: Pair<R> =
      first === "this" ? { first, this: one, other: two } : { first, this: two, other: one };
    pairs.push(pair);
    onPair(pair);
  }
  return pairs;
}

/** A figure of a round that is compared. */
interface Metric {
  readonly name: string;
  readonly of: (round: Measurement) => number;
}

const cpuMetric = (process: keyof Measurement["processes"]): Metric => ({
  name: `${process} CPU us/exchange`,
  of: ({ processes, exchange }) => (processes[process].cpuSeconds / exchange.count) * 1e6,
});

const memoryMetric = (process: keyof Measurement["processes"]): Metric => ({
  name: `${process} peak MiB`,
  of: ({ processes }) => processes[process].peakMiB,
});

/** The figures that are compared, in the order of the report. */
const metrics: readonly Metric[] = [
  { name: "exchanges/s", of: ({ exchangesPerSecond }) => exchangesPerSecond },
  cpuMetric("allocator"),
  cpuMetric("relay"),
  cpuMetric("generator"),
  { name: "p99 ms", of: ({ exchange }) => exchange.p99Ms },
  memoryMetric("allocator"),
  memoryMetric("relay"),
];

/** Comparison of one figure. */
export interface Comparison {
  readonly metric: string;
  /** Median over the rounds of this side. */
  readonly this: number;
  readonly other: number;
  /** Ratio of this side to the other; undefined when a figure is 0 or not a number, so that a pair has no ratio. */
  readonly ratio: Ratio | undefined;
}

/** Ratios of all pairs. */
export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** One for each pair, in order of time. */
  readonly all: readonly number[];
}

/**
 * Compares the sides.
 *
 * @param pairs At least one.
 * @returns One comparison for each figure.
 */
export function comparePairs(pairs: readonly Pair<Measurement>[]): Comparison[] {
  return metrics.map(({ name, of }) => ({
    metric: name,
    this: median(pairs.map((pair) => of(pair.this))),
    other: median(pairs.map((pair) => of(pair.other))),
    ratio: summarize(pairs.map((pair) => of(pair.this) / of(pair.other))),
  }));
}

/** Returns no ratio if one pair has none, because a median over some pairs would look like one over all pairs. */
function summarize(ratios: readonly number[]): Ratio | undefined {
  if (!ratios.every((ratio) => Number.isFinite(ratio) && ratio > 0)) return undefined;
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios), all: ratios };
}

/**
 * Returns the middle value, or the mean of the two middle values if their number is even.
 *
 * @param values At least one, in any order.
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/**
 * Finds violations and lost exchanges of a round. When exchanges were lost, the figures do not describe the whole load.
 *
 * @returns A sentence for each fault.
 */
export function faultsOf({ violations, counts }: Pick<Measurement, "violations" | "counts">): string[] {
  const faults = [...violations];
  if (counts.timeouts > 0) faults.push(`${counts.timeouts} exchanges got no answer to any try`);
  if (counts.unfinished > 0) faults.push(`${counts.unfinished} clients were unfinished at the time limit`);
  return faults;
}

/**
 * Finds the faults of both rounds of each pair.
 *
 * @returns A sentence for each fault, which names the pair and the side.
 */
export function judgePairs(pairs: readonly Pair<Measurement>[]): string[] {
  return pairs.flatMap((pair, index) =>
    sideNames.flatMap((side) => faultsOf(pair[side]).map((fault) => `pair ${index + 1}, ${side}: ${fault}`)),
  );
}
