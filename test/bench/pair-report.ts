/**
 * The text report of a comparison of two sides.
 *
 * @module
 */
import type { Comparison, Pair, Ratio } from "./pairs.ts";
import { formatFaults, formatMachine, table } from "./report.ts";
import type { Machine } from "./report.ts";
import type { RoundOptions } from "./round.ts";
import { sideNames } from "./side.ts";
import type { Side, SideName } from "./side.ts";

/** The results of a comparison. */
export interface PairReport {
  /** The command line. */
  readonly command: string;
  readonly machine: Machine;
  readonly sides: Readonly<Record<SideName, Side>>;
  /** What else distinguishes the sides. Default: nothing. */
  readonly differences?: Readonly<Record<SideName, string>> | undefined;
  readonly load: RoundOptions;
  readonly pairs: readonly Pair[];
  readonly comparison: readonly Comparison[];
  /** Violations and lost exchanges; empty when there are none. */
  readonly faults: readonly string[];
}

/** Formats a report as lines of text. */
export function formatPairReport(report: PairReport): string[] {
  const { command, machine, sides, differences, load, pairs, comparison, faults } = report;
  return [
    command,
    formatMachine(machine),
    "",
    ...sideNames.map((name) =>
      [`${name.padEnd(5)}  ${formatSide(sides[name])}`, ...(differences ? [differences[name]] : [])].join(
        ", ",
      ),
    ),
    `load   ${formatLoad(load)}`,
    `pairs  ${pairs.length}; a ratio is this/other within one pair`,
    "",
    ...table(
      ["metric", "this (median)", "other (median)", "ratio median", "(min-max)"],
      comparison.map((each) => [
        each.metric,
        formatFigure(each.this),
        formatFigure(each.other),
        ...formatRatio(each.ratio),
      ]),
    ),
    "",
    ...formatFaults(faults, "FAULTS", "no two clients held the same port, and no exchange was lost"),
  ];
}

function formatSide({ folder, revision }: Side): string {
  if (revision === undefined) return `${folder}, no git repository`;
  const { name, commit, isDirty } = revision;
  const described = commit.startsWith(name) ? "" : `${name}, `;
  return `${folder}, ${described}commit ${commit.slice(0, 12)}, ${isDirty ? "DIRTY" : "clean"}`;
}

/** Formats the load of both sides as one line of text. */
export function formatLoad(load: RoundOptions): string {
  const { clients, warmUpClients, inFlight, mode, isShared, servers, isDistant, relayFlags } = load;
  const place = servers === 0 ? "a file" : `${servers} libSQL server${servers === 1 ? "" : "s"}`;
  return [
    mode,
    `${clients} clients after ${warmUpClients} others`,
    `${inFlight} in flight`,
    `${isShared ? "shared" : "full"} addresses`,
    `${place}${isDistant ? " at a distance" : ""}`,
    ...(relayFlags.length === 0 ? [] : [`relay ${relayFlags.join(" ")}`]),
  ].join(", ");
}

function formatFigure(value: number): string {
  return value.toFixed(value < 1000 ? 1 : 0);
}

function formatRatio(ratio: Ratio | undefined): [string, string] {
  if (ratio === undefined) return ["-", ""];
  const [median, min, max] = [ratio.median, ratio.min, ratio.max].map((each) => each.toFixed(3));
  return [median!, `(${min}-${max})`];
}
