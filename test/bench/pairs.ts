/**
 * Pairs of rounds, one round of each side, and the comparison of the two sides.
 *
 * One figure alone says little: on a shared machine it varies by 15 % from run to run. The two rounds of a pair follow
 * each other at once, so that both see much the same machine. Therefore a ratio is computed inside each pair, and the
 * median of these ratios counts. Each pair begins with the other side than the pair before: a drift of the machine then
 * favours neither side.
 *
 * @module
 */
import type { Round } from "./round.ts";
import { sideNames } from "./side.ts";
import type { SideName } from "./side.ts";

/** A round of each side. */
export interface Pair {
  /** The side that was measured first. */
  readonly first: SideName;
  readonly this: Round;
  readonly other: Round;
}

/**
 * Says which side of a pair comes first: this, other; other, this; this, other; …
 *
 * @param index Number of the pair, from 0.
 */
export function orderOf(index: number): readonly [SideName, SideName] {
  return index % 2 === 0 ? ["this", "other"] : ["other", "this"];
}

/**
 * Measures pairs, one round at a time.
 *
 * @param count How many pairs, 1 or more.
 * @param run Measures one round of a side. All of its processes must have ended when it resolves.
 * @param onPair Gets each pair when it is complete.
 */
export async function runPairs(
  count: number,
  run: (side: SideName) => Promise<Round>,
  onPair: (pair: Pair) => void = () => undefined,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let index = 0; index < count; index++) {
    const [first, second] = orderOf(index);
    const [one, two] = [await run(first), await run(second)];
    const pair = first === "this" ? { first, this: one, other: two } : { first, this: two, other: one };
    pairs.push(pair);
    onPair(pair);
  }
  return pairs;
}

/** A figure of a round that is compared. */
interface Metric {
  readonly name: string;
  readonly of: (round: Round) => number;
}

const cpuMetric = (process: keyof Round["processes"]): Metric => ({
  name: `${process} CPU us/exchange`,
  of: ({ processes, exchange }) => (processes[process].cpuSeconds / exchange.count) * 1e6,
});

/** All that is compared, in the order of reports. */
const metrics: readonly Metric[] = [
  { name: "exchanges/s", of: ({ exchangesPerSecond }) => exchangesPerSecond },
  cpuMetric("allocator"),
  cpuMetric("relay"),
  cpuMetric("generator"),
  { name: "p99 ms", of: ({ exchange }) => exchange.p99Ms },
];

/** What pairs say of one figure. */
export interface Comparison {
  readonly metric: string;
  /** Median of the side's own figures. */
  readonly this: number;
  readonly other: number;
  /** Of this side to the other one; absent when a figure is 0 or missing, so that a pair has no ratio. */
  readonly ratio: Ratio | undefined;
}

/** Ratios of pairs. */
export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** One for each pair, in the order of time. */
  readonly all: readonly number[];
}

/**
 * Compares the sides.
 *
 * @param pairs At least one.
 * @returns One for each figure.
 */
export function comparePairs(pairs: readonly Pair[]): Comparison[] {
  return metrics.map(({ name, of }) => ({
    metric: name,
    this: median(pairs.map((pair) => of(pair.this))),
    other: median(pairs.map((pair) => of(pair.other))),
    ratio: summarize(pairs.map((pair) => of(pair.this) / of(pair.other))),
  }));
}

/** A median over some of the pairs would pass for one of all of them, so one pair without a ratio is enough for none. */
function summarize(ratios: readonly number[]): Ratio | undefined {
  if (!ratios.every((ratio) => Number.isFinite(ratio) && ratio > 0)) return undefined;
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios), all: ratios };
}

/**
 * Finds the value in the middle; of an even number, the mean of the two in the middle.
 *
 * @param values At least one, in any order.
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/**
 * Looks for what must not be in a round, however fast it was: violations, and exchanges that were lost. A figure of a
 * round that lost exchanges is not one of the whole load.
 *
 * @returns A sentence for each; none when all is well.
 */
export function faultsOf({ violations, counts }: Pick<Round, "violations" | "counts">): string[] {
  const faults = [...violations];
  if (counts.timeouts > 0) faults.push(`${counts.timeouts} exchanges got no answer to all their tries`);
  if (counts.unfinished > 0)
    faults.push(`${counts.unfinished} clients were unfinished when the time was over`);
  return faults;
}

/**
 * Looks for faults in both rounds of each pair.
 *
 * @returns A sentence for each, which names the pair and the side; none when all is well.
 */
export function judgePairs(pairs: readonly Pair[]): string[] {
  return pairs.flatMap((pair, index) =>
    sideNames.flatMap((side) => faultsOf(pair[side]).map((fault) => `pair ${index + 1}, ${side}: ${fault}`)),
  );
}
