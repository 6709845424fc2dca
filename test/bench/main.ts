/**
 * `npm run bench`: measures exchanges a second over real UDP, real HTTP and a database on disk, and the CPU time and
 * memory of each process.
 *
 * With `--against DIR` it measures this checkout and another one in turn, and prints ratios:
 *
 *     npm run bench -- --against ../before --pairs 5 --mode renew --in-flight 16
 *
 * With `--leases N` it compares a file that has N leases with an empty one. With `--peer kea` it compares this allocator with Kea (see `peer.ts`).
 *
 * DIR is a checkout of any commit with its own `node_modules`. Load generator and measurement come from this checkout;
 * each side uses its own allocator, relay and database (see `servers.ts`). The exit code is 1 when two clients had the
 * same port or an exchange was lost. It does not depend on speed: what is fast enough is defined where a claim is made.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { formatAvalanche, runAvalanche } from "./avalanche.ts";
import { createBenchCommand, roundOptionsOf } from "./flags.ts";
import type { Flags } from "./flags.ts";
import { keptFile } from "./large-file.ts";
import { modes } from "./measure.ts";
import { formatPairReport } from "./pair-report.ts";
import type { PairReport } from "./pair-report.ts";
import { comparePairs, faultsOf, judgePairs, runPairs } from "./pairs.ts";
import { comparePeer, enterPeerNamespace, formatPeerReport } from "./peer.ts";
import { describeMachine, formatReport } from "./report.ts";
import { runRound } from "./round.ts";
import type { Round, RoundOptions } from "./round.ts";
import { ServiceError } from "./service.ts";
import { openSide, sideNames, thisFolder } from "./side.ts";
import type { SideName } from "./side.ts";

const command = ["npm run bench --", ...process.argv.slice(2)].join(" ");

/**
 * Ends all child processes when this one gets SIGINT or SIGTERM. Each parent that forwards a Ctrl-C sends the signal
 * again; repeated signals must not end this process before its children.
 */
const stopping = new AbortController();
let stoppedBy: NodeJS.Signals | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    stoppedBy ??= signal;
    stopping.abort();
  });
}

async function run(flags: Flags, isGiven: (name: keyof Flags) => boolean): Promise<void> {
  if (flags.peer !== undefined) {
    await runBesidePeer(flags, isGiven);
    return;
  }
  if (flags.avalanche !== undefined) {
    await runAvalancheOf(flags.avalanche, flags, isGiven("inFlight"));
    return;
  }
  const faults = await (isPaired(flags) ? runInPairs(flags) : runAlone(flags));
  if (faults.length > 0) process.exitCode = 1;
}

async function runBesidePeer(flags: Flags, isGiven: (name: keyof Flags) => boolean): Promise<void> {
  const exitCode = await enterPeerNamespace(stopping.signal);
  if (exitCode !== undefined) {
    process.exitCode = exitCode;
    return;
  }
  const report = await comparePeer({
    side: await openSide(thisFolder),
    machine: describeMachine(),
    command,
    flags,
    modes: isGiven("mode") ? [flags.mode] : modes,
    inFlight: isGiven("inFlight") ? [flags.inFlight] : undefined,
    signal: stopping.signal,
  });
  publish(formatPeerReport(report), report, flags);
  if (report.faults.length > 0) process.exitCode = 1;
}

/** Clients of an avalanche that are in flight. */
const avalancheInFlight = 20_000;

async function runAvalancheOf(clients: number, flags: Flags, isLimited: boolean): Promise<void> {
  const inFlight = isLimited ? flags.inFlight : Math.min(clients, avalancheInFlight);
  const load = { ...roundOptionsOf(flags), clients, inFlight };
  const avalanche = await runAvalanche(await openSide(thisFolder), load, stopping.signal);
  const faults = faultsOf(avalanche);
  const report = { command, machine: describeMachine(), load, avalanche, faults };
  publish(formatAvalanche(report), report, flags);
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
 * Upper bound of clients in the rehearsal round of each side before the pairs. Node compiles the generator during it,
 * once for both sides, and a side that does not start is noticed before minutes are spent on measuring the other one.
 */
const rehearsalClientsMax = 2000;

const isPaired = ({ against, leases }: Flags): boolean => against !== undefined || leases !== undefined;

/** Compares with another checkout, or a file that has leases with an empty one. */
async function runInPairs(flags: Flags): Promise<readonly string[]> {
  const { leases } = flags;
  const load = roundOptionsOf(flags);
  const sides = { this: await openSide(thisFolder), other: await openSide(flags.against ?? thisFolder) };
  const file = leases === undefined ? undefined : await keptFile(leases);
  const differences =
    file === undefined ? undefined : { this: `${file} with ${leases} leases`, other: "an empty file" };
  const optionsOf = (name: SideName, options: RoundOptions): RoundOptions =>
    name === "this" ? { ...options, file } : options;
  const rehearsed: string[] = [];
  for (const name of sideNames) {
    const clients = Math.min(load.clients, rehearsalClientsMax);
    const rehearsal = { ...load, clients, warmUpClients: 0, profileFolder: undefined };
    const round = await runRound(sides[name], optionsOf(name, rehearsal), stopping.signal);
    rehearsed.push(...faultsOf(round).map((fault) => `rehearsal, ${name}: ${fault}`));
  }
  const measure = (name: SideName): Promise<Round> => {
    const { profileFolder } = load;
    const folderOfSide = profileFolder === undefined ? undefined : join(profileFolder, name);
    if (folderOfSide !== undefined) mkdirSync(folderOfSide, { recursive: true });
    const options = optionsOf(name, { ...load, profileFolder: folderOfSide });
    return runRound(sides[name], options, stopping.signal);
  };
  let done = 0;
  const pairs = await runPairs(flags.pairs, measure, (pair) => {
    const rates = sideNames.map((name) => `${name} ${Math.round(pair[name].exchangesPerSecond)}/s`);
    process.stderr.write(`pair ${++done} of ${flags.pairs}: ${rates.join(", ")}\n`);
  });
  const faults = [...rehearsed, ...judgePairs(pairs)];
  const comparison = comparePairs(pairs);
  const machine = describeMachine();
  const report: PairReport = { command, machine, sides, differences, load, pairs, comparison, faults };
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
  // Without servers, the load would continue until all clients give up.
  process.exit(stoppedBy === undefined ? 1 : 128 + constants.signals[stoppedBy]);
}

/** A failed process is explained by its log. Any other error is a bug of the bench, so its stack is shown. */
function describe(error: unknown): string {
  if (error instanceof ServiceError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
