/**
 * What a run of the fuzzer prints at its end.
 *
 * @module
 */
import { dropReasons } from "../../relay/reasons.ts";
import { reasons } from "../../src/lease/reasons.ts";

/** What one process saw. */
export interface Summary {
  readonly seed: number;
  readonly messages: number;
  readonly epochs: number;
  /** Counts by target and outcome. */
  readonly outcomes: readonly (readonly [name: string, count: number])[];
  readonly hash: string;
  /** Octets in use after the first and after the last epoch. */
  readonly memory: readonly [first: number, last: number];
}

export const rateOf = (messages: number, ms: number): string =>
  `${Math.round(messages / (ms / 1000))} messages/s`;

const mebibytes = (octets: number): number => Math.round(octets / 1024 / 1024);

/**
 * Describes a run without a failure: outcomes and drops by reason, reasons that never occurred, memory, messages, rate
 * and result.
 *
 * @param summaries One for each process.
 * @param ms Milliseconds that the run took.
 * @returns Lines of text.
 */
export function describeRun(summaries: readonly Summary[], ms: number): string[] {
  const outcomes = new Map<string, number>();
  for (const [name, count] of summaries.flatMap((each) => each.outcomes)) {
    outcomes.set(name, (outcomes.get(name) ?? 0) + count);
  }
  const met = new Set([...outcomes.keys()].flatMap((name) => name.split(/[ :]/)));
  const missed = (known: object) =>
    Object.keys(known)
      .filter((reason) => !met.has(reason))
      .join(", ") || "none";
  const messages = summaries.reduce((sum, each) => sum + each.messages, 0);
  const epochs = summaries.reduce((sum, each) => sum + each.epochs, 0);
  const seeds = summaries.map(({ seed }) => seed);
  const who =
    seeds.length === 1 ? `seed ${seeds[0]}` : `${seeds.length} processes, seeds ${seeds.join(", ")}`;
  return [
    ...[...outcomes]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${String(count).padStart(12)}  ${name}`),
    `reasons of the allocator that never occurred: ${missed(reasons)}`,
    `reasons of the relay that never occurred: ${missed(dropReasons)}`,
    ...summaries.map(
      ({ memory: [first, last] }) =>
        `memory in use: ${mebibytes(first)} MiB after the first epoch, ${mebibytes(last)} MiB after the last`,
    ),
    `${who}: ${messages} messages in ${epochs} epochs and ${Math.round(ms / 1000)} s, ${rateOf(messages, ms)}`,
    `no failure, hash ${summaries.map(({ hash }) => hash).join(" ")}`,
  ];
}
