/**
 * `npm run bench`: how many exchanges a second go the whole way, through real UDP, real HTTP and a database on disk,
 * and what each process pays for it.
 *
 * With `--against DIR` it measures this checkout and another one in turn, and prints ratios:
 *
 *     npm run bench -- --against ../before --pairs 5 --mode renew --in-flight 16
 *
 * DIR is a checkout of any commit with its own `node_modules`. The load and the measuring are this checkout's for both
 * sides; allocator, relay and database are each side's own (see `servers.ts`). It exits with 1 when two clients had one
 * port or an exchange was lost, never because of a time: how fast is fast enough is said where a claim is made.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { createBenchCommand, roundOptionsOf } from "./flags.ts";
import type { Flags } from "./flags.ts";
import { formatPairReport } from "./pair-report.ts";
import type { PairReport } from "./pair-report.ts";
import { comparePairs, faultsOf, judgePairs, runPairs } from "./pairs.ts";
import { describeMachine, formatReport } from "./report.ts";
import { runRound } from "./round.ts";
import type { Round } from "./round.ts";
import { ServiceError } from "./service.ts";
import { openSide, sideNames, thisFolder } from "./side.ts";
import type { SideName } from "./side.ts";

const command = ["npm run bench --", ...process.argv.slice(2)].join(" ");

/**
 * Ends all processes of ours when this one is told to end. It is told again by each parent that passes a Ctrl-C on, and
 * goes on ending them.
 */
const stopping = new AbortController();
let stoppedBy: NodeJS.Signals | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    stoppedBy ??= signal;
    stopping.abort();
  });
}

async function run(flags: Flags): Promise<void> {
  const faults = await (flags.against === undefined ? runAlone(flags) : runAgainst(flags.against, flags));
  if (faults.length > 0) process.exitCode = 1;
}

async function runAlone(flags: Flags): Promise<readonly string[]> {
  const options = roundOptionsOf(flags);
  if (options.profileFolder !== undefined) mkdirSync(options.profileFolder, { recursive: true });
  const side = await openSide(thisFolder);
  const rounds: Round[] = [];
  for (let round = 0; round < flags.repeat; round++) {
    rounds.push(await runRound(side, options, stopping.signal));
  }
  const report = { command, machine: describeMachine(), rounds };
  publish(formatReport(report), report, flags);
  return rounds.flatMap(({ violations }) => violations);
}

/**
 * Clients of the round that comes before all pairs. In it the generator is compiled by Node, once for both sides; and a
 * side that does not start is found before minutes were spent on the other one.
 */
const rehearsalClientsMax = 2000;

async function runAgainst(folder: string, flags: Flags): Promise<readonly string[]> {
  const load = roundOptionsOf(flags);
  const sides = { this: await openSide(thisFolder), other: await openSide(folder) };
  const rehearsed: string[] = [];
  for (const name of sideNames) {
    const clients = Math.min(load.clients, rehearsalClientsMax);
    const rehearsal = { ...load, clients, warmUpClients: 0, profileFolder: undefined };
    const round = await runRound(sides[name], rehearsal, stopping.signal);
    rehearsed.push(...faultsOf(round).map((fault) => `rehearsal, ${name}: ${fault}`));
  }
  const measure = (name: SideName): Promise<Round> => {
    const { profileFolder } = load;
    const folderOfSide = profileFolder === undefined ? undefined : join(profileFolder, name);
    if (folderOfSide !== undefined) mkdirSync(folderOfSide, { recursive: true });
    return runRound(sides[name], { ...load, profileFolder: folderOfSide }, stopping.signal);
  };
  let done = 0;
  const pairs = await runPairs(flags.pairs, measure, (pair) => {
    const rates = sideNames.map((name) => `${name} ${Math.round(pair[name].exchangesPerSecond)}/s`);
    process.stderr.write(`pair ${++done} of ${flags.pairs}: ${rates.join(", ")}\n`);
  });
  const faults = [...rehearsed, ...judgePairs(pairs)];
  const comparison = comparePairs(pairs);
  const report: PairReport = { command, machine: describeMachine(), sides, load, pairs, comparison, faults };
  publish(formatPairReport(report), report, flags);
  return faults;
}

function publish(lines: readonly string[], report: object, { json }: Flags): void {
  process.stdout.write(`${lines.join("\n")}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
}

try {
  await createBenchCommand(run).parseAsync();
} catch (error) {
  process.stderr.write(`${stoppedBy === undefined ? describe(error) : `stopped by ${stoppedBy}`}\n`);
  // A load without servers would go on until its clients have given up.
  process.exit(stoppedBy === undefined ? 1 : 128 + constants.signals[stoppedBy]);
}

/** The log of a process that failed says enough; all else is a fault of the bench, and wants its stack. */
function describe(error: unknown): string {
  if (error instanceof ServiceError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
