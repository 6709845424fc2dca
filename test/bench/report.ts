/**
 * What the bench says: of several rounds the median one, for people.
 *
 * @module
 */
import { cpus, totalmem } from "node:os";
import type { Round } from "./round.ts";

/** What a figure depends on beside the program. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly system: string;
}

/** Describes the machine that this runs on. */
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

/** Formats a machine: one line of text. */
export function formatMachine({ cpu, cores, memoryGiB, system, node }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, node ${node}`;
}

/** @returns The round whose rate is the median; of an even number, the slower of the two in the middle. */
export function medianRound(rounds: readonly Round[]): Round {
  const sorted = rounds.toSorted((a, b) => a.exchangesPerSecond - b.exchangesPerSecond);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

/** The summary of all rounds. */
export interface Report {
  /** As it was typed. */
  readonly command: string;
  readonly machine: Machine;
  readonly rounds: readonly Round[];
}

/** Formats a report: lines of text. */
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

function formatDrops(dropped: Round["dropped"]): string {
  const drops = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
  return drops.length === 0 ? "nothing" : drops.join(", ");
}

/** Faults that a report shows: more say no more to a reader. */
const faultsShown = 10;

/**
 * Formats what must not be: lines of text.
 *
 * @param title Such as `VIOLATIONS`.
 * @param wellDone Text if there is no fault.
 */
export function formatFaults(faults: readonly string[], title: string, wellDone: string): string[] {
  if (faults.length === 0) return [wellDone];
  return [`${faults.length} ${title}:`, ...faults.slice(0, faultsShown).map((each) => `  ${each}`)];
}

/** Pads columns: the first to the left, numbers to the right. */
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
