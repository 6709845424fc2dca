/**
 * The text report of the bench. It shows the median round of several.
 *
 * @module
 */
import { cpus, totalmem } from "node:os";
import type { Round } from "./round.ts";

/** The machine and runtime on which the figures depend. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly system: string;
}

/** Describes the machine of this process. */
export function describeMachine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? "unknown",
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    system: `${process.platform} ${process.arch}`,
  };
}

/** Formats a machine as one line of text. */
export function formatMachine({ cpu, cores, memoryGiB, system, node }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, node ${node}`;
}

/** @returns The round with the median rate. For an even number of rounds, the slower of the two middle ones. */
export function medianRound(rounds: readonly Round[]): Round {
  const sorted = rounds.toSorted((a, b) => a.exchangesPerSecond - b.exchangesPerSecond);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

/** The results of all rounds. */
export interface Report {
  /** The command line. */
  readonly command: string;
  readonly machine: Machine;
  readonly rounds: readonly Round[];
}

/** Formats a report as lines of text. */
export function formatReport({ command, machine, rounds }: Report): string[] {
  const round = medianRound(rounds);
  const { counts } = round;
  return [
    command,
    formatMachine(machine),
    "",
    `${integer(round.exchangesPerSecond)} exchanges/s: ${round.exchange.count} in ${round.elapsedSeconds.toFixed(2)} s` +
      ` (all rounds: ${rounds.map((each) => integer(each.exchangesPerSecond)).join(", ")})`,
    "",
    ...table(["", "p50 ms", "p99 ms", "max ms"], latencyRows(round)),
    "",
    ...table(["", "CPU s", "us/exchange", "peak MiB"], processRows(round)),
    "",
    `${round.framesPerPost.toFixed(1)} frames a POST; ${counts.retransmits} retransmits, ${counts.naks} NAKs, ` +
      `${counts.timeouts} timeouts, ${counts.unfinished} unfinished; relay dropped ${formatDrops(round.dropped)}`,
    ...(round.databaseRequestsPerPost > 0
      ? [`${round.databaseRequestsPerPost.toFixed(3)} requests to libSQL servers a POST`]
      : []),
    ...formatFaults(
      rounds.flatMap(({ violations }) => violations),
      "VIOLATIONS",
      "no two clients hold the same port",
    ),
  ];
}

function latencyRows({ offer, ack, exchange }: Round): string[][] {
  return Object.entries({ OFFER: offer, ACK: ack, exchange })
    .filter(([, { count }]) => count > 0)
    .map(([name, { p50Ms, p99Ms, maxMs }]) => [name, ...[p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1))]);
}

function processRows({ processes, exchange }: Round): string[][] {
  return Object.entries(processes).map(([name, { cpuSeconds, peakMiB }]) => [
    name,
    cpuSeconds.toFixed(2),
    ((cpuSeconds / exchange.count) * 1e6).toFixed(1),
    peakMiB.toFixed(0),
  ]);
}

/** @returns What a relay dropped, by reason. */
export function formatDrops(dropped: Round["dropped"]): string {
  const drops = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
  return drops.length === 0 ? "nothing" : drops.join(", ");
}

/** Upper bound of faults that a report shows. More would not help the reader. */
const faultsShown = 10;

/**
 * Formats faults as lines of text.
 *
 * @param title Heading, such as `VIOLATIONS`.
 * @param noFaults Line to show when `faults` is empty.
 */
export function formatFaults(faults: readonly string[], title: string, noFaults: string): string[] {
  if (faults.length === 0) return [noFaults];
  return [`${faults.length} ${title}:`, ...faults.slice(0, faultsShown).map((each) => `  ${each}`)];
}

/** Formats a table: the first column left-aligned, the others right-aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [head, ...rows];
  const widths = head.map((_name, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join("  "),
  );
}

function integer(value: number): string {
  return Math.round(value).toString();
}
