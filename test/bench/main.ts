/**
 * `npm run bench`: how many exchanges a second go the whole way, through real UDP, real HTTP and a database on disk,
 * and what each process pays for it.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { describeMachine, formatReport } from "./report.ts";
import { modes, runRound } from "./round.ts";
import type { Mode, Round } from "./round.ts";

interface Flags {
  readonly clients: number;
  readonly warmUp: number;
  readonly inFlight: number;
  readonly repeat: number;
  readonly mode: Mode;
  readonly full: boolean;
  readonly servers: number;
  readonly distance: boolean;
  readonly relayFlag: readonly string[];
  readonly cpuProfile?: string;
  readonly json?: string;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

function positive(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError("Expected a whole number from 1 on.");
  return number;
}

const program = new Command("bench")
  .description("Measures relay and allocator as processes of their own, each round on a fresh database")
  .option("--clients <count>", "clients", positive, 20_000)
  .option("--warm-up <count>", "other clients that come before what is measured", wholeNumber, 2000)
  .option("--in-flight <count>", "exchanges at the same time", positive, 512)
  .option("--repeat <count>", "rounds; the report is of the median one", positive, 3)
  .addOption(new Option("--mode <mode>", "what is measured").choices(modes).default("dora"))
  .option("--full", "full addresses instead of shared ones", false)
  .option(
    "--servers <count>",
    "two domains on this many libSQL servers (1 or 2), instead of one domain in a file",
    wholeNumber,
    0,
  )
  .option("--distance", "the servers are 20 ms away and take 25 ms for a commit", false)
  .option(
    "--relay-flag <flag>",
    "flag for the relay, such as --posts-in-flight=1; may be repeated",
    collect,
    [],
  )
  .option("--cpu-profile <folder>", "write CPU profiles of relay and allocator there")
  .option("--json <file>", "write all figures of all rounds there")
  .action(run);

function collect(flag: string, before: readonly string[]): string[] {
  return [...before, flag];
}

async function run({ cpuProfile, json, repeat, ...flags }: Flags): Promise<void> {
  const profileFolder = cpuProfile === undefined ? undefined : resolve(cpuProfile);
  if (profileFolder !== undefined) mkdirSync(profileFolder, { recursive: true });
  const rounds: Round[] = [];
  for (let round = 0; round < repeat; round++) {
    rounds.push(
      await runRound({
        clients: flags.clients,
        warmUpClients: flags.warmUp,
        inFlight: flags.inFlight,
        mode: flags.mode,
        isShared: !flags.full,
        servers: flags.distance ? Math.max(flags.servers, 1) : flags.servers,
        isDistant: flags.distance,
        relayFlags: flags.relayFlag,
        profileFolder,
      }),
    );
  }
  const command = ["npm run bench --", ...process.argv.slice(2)].join(" ");
  const report = { command, machine: describeMachine(), rounds };
  process.stdout.write(`${formatReport(report).join("\n")}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (rounds.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
}

await program.parseAsync();
