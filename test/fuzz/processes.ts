/**
 * A campaign in several processes, each with a seed of its own, so that it uses all cores.
 *
 * @module
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Summary } from "./report.ts";

/** What a process of a campaign gets. */
export interface Part {
  readonly seed: number;
  /** Undefined if the time is given instead. */
  readonly messages: number | undefined;
}

/**
 * Divides a campaign.
 *
 * @param messages All messages; undefined if the time is given instead.
 * @returns A part for each process. Their seeds follow each other.
 */
export function divide(seed: number, processes: number, messages: number | undefined): Part[] {
  return Array.from({ length: processes }, (_, at) => ({
    seed: seed + at,
    messages:
      messages === undefined
        ? undefined
        : Math.floor((messages * (at + 1)) / processes) - Math.floor((messages * at) / processes),
  }));
}

/**
 * Runs the fuzzer in several processes. They print their progress and their failures themselves. The first failure ends
 * the others.
 *
 * @param main The program, which sends its {@link Summary} to its parent.
 * @param flags Flags of all processes.
 * @returns What they saw; undefined after a failure.
 */
export async function runProcesses(
  main: string,
  flags: readonly string[],
  parts: readonly Part[],
): Promise<readonly Summary[] | undefined> {
  const children: ChildProcess[] = [];
  const runs = parts.map(async ({ seed, messages }) => {
    const own = ["--seed", String(seed), ...(messages === undefined ? [] : ["--messages", String(messages)])];
    const child = fork(main, [...flags, ...own], { execArgv: process.execArgv });
    children.push(child);
    const summary = await summaryOf(child);
    if (summary === undefined) for (const other of children) other.kill();
    return summary;
  });
  const summaries = (await Promise.all(runs)).filter((summary) => summary !== undefined);
  return summaries.length === parts.length ? summaries : undefined;
}

/** @returns What a process sent; undefined if it ended with a failure. */
function summaryOf(child: ChildProcess): Promise<Summary | undefined> {
  let summary: Summary | undefined;
  child.on("message", (message) => {
    summary = message as Summary;
  });
  return new Promise((done) => {
    child.on("close", (code) => {
      done(code === 0 ? summary : undefined);
    });
  });
}
