/**
 * `npm run simulate`: runs the product in virtual time, by seed.
 *
 * @module
 */
import { cpus } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { print } from "../../src/program-output.ts";
import { parseDuration } from "../../src/duration.ts";
import { runCampaign, Totals } from "./campaign.ts";
import { replaceOutside } from "./outside.ts";
import { runPlanted } from "./plant.ts";
import { plantedBugs } from "./planted.ts";
import { formatFailure, formatTotals } from "./report.ts";
import { runSeed } from "./run-seed.ts";
import type { Outcome } from "./run-seed.ts";
import { features } from "./scenario.ts";
import type { Feature, Reduction } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import { DatabaseFolder } from "./template.ts";

interface Flags {
  readonly seed?: number;
  readonly seeds?: number;
  readonly exchanges: number;
  readonly for?: number;
  readonly processes: number;
  readonly shrink: boolean;
  readonly replay?: true;
  readonly without: readonly Feature[];
  readonly clients: number;
  readonly planted?: true;
  readonly only?: readonly string[];
}

/** How long a failure is shrunk. */
const shrinkMsMax = 120_000;
/** Milliseconds between two lines about the progress. */
const progressMs = 30_000;

/** Prints a line. */
function say(line: string): void {
  print(`${line}\n`);
}

/** @returns What reads a whole number within bounds. */
function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    return value;
  };
}

const seedMax = 2 ** 32 - 1;
const countMax = 10 ** 9;
const processesMax = 256;

function featureList(text: string, before: readonly Feature[]): readonly Feature[] {
  const names = text.split(",");
  const unknown = names.find((name) => !features.includes(name as Feature));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`Found "${unknown}", expected some of ${features.join(", ")}.`);
  return [...before, ...(names as Feature[])];
}

const command = new Command("simulate")
  .description(
    "Runs relays, allocators, databases and clients in virtual time, with faults, and judges all they do",
  )
  .option("--seed <number>", "the first seed (default: a new one)", wholeNumber(0, seedMax))
  .option("--seeds <count>", "how many seeds, one after the other (default: 1)", wholeNumber(1, countMax))
  .option(
    "--exchanges <count>",
    "messages that are decided before the faults end; it is looked at every 2 s of virtual time",
    wholeNumber(1, countMax),
    3000,
  )
  .option("--for <duration>", "a campaign: as many seeds as fit, such as 30m", parseDuration)
  .option("--processes <count>", "processes of a campaign", wholeNumber(1, processesMax), 1)
  .option("--no-shrink", "print a failure as it is")
  .addOption(new Option("--replay", "print every event of the first seed").conflicts(["for", "seeds"]))
  .addOption(
    new Option("--without <faults>", "leave out faults, as a shrunk failure says")
      .argParser(featureList)
      .default([], "none")
      .conflicts(["for", "seeds"]),
  )
  .addOption(
    new Option("--clients <percent>", "keep only so many of the clients, as a shrunk failure says")
      .argParser(wholeNumber(1, 100))
      .default(100)
      .conflicts(["for", "seeds"]),
  )
  .addOption(
    new Option(
      "--planted",
      "plant known bugs one at a time, and say which of them the oracle catches",
    ).conflicts(["seed", "exchanges", "for", "replay", "without", "clients"]),
  )
  .addOption(
    new Option("--only <names...>", "plant only these bugs").choices(plantedBugs.map(({ name }) => name)),
  )
  .parse();
const flags = command.opts<Flags>();
if (flags.only !== undefined && flags.planted !== true)
  command.error("error: option '--only <names...>' needs '--planted'");
const firstSeed = flags.seed ?? Math.floor(Math.random() * 2 ** 31);

if (flags.planted === true) await plant();
else if (flags.replay === true || flags.without.length > 0 || flags.clients !== 100) await replay();
else await campaign();

/** Plants bugs. The seeds begin at 1, so that what is caught once is caught again. */
async function plant(): Promise<void> {
  const { only, seeds, processes: jobs } = flags;
  if (!(await runPlanted({ only, seeds, jobs }))) process.exitCode = 2;
}

/** Runs one seed, perhaps in part, step by step. */
async function replay(): Promise<void> {
  const { exchanges, without, clients: clientsPercent } = flags;
  const seed = firstSeed;
  const reduction: Reduction = { without, clientsPercent };
  replaceOutside();
  const folder = new DatabaseFolder();
  await folder.prepare();
  const onLine = flags.replay === true ? say : undefined;
  const outcome = await runSeed(seed, { exchanges, reduction, onLine }, folder);
  folder.close();
  if (outcome.kind === "held") say(`seed ${seed}: no violation, hash ${outcome.result.hash}`);
  else fail(formatFailure(outcome, { exchanges, reduction, withStory: flags.replay !== true }));
}

async function campaign(): Promise<void> {
  const { exchanges, processes } = flags;
  const totals = new Totals();
  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  const seeds = flags.seeds ?? (flags.for === undefined ? 1 : Infinity);
  const endMs = flags.for ?? Infinity;
  const tellTotals = (): void => {
    say(formatTotals(totals, { firstSeed, elapsedMs: elapsedMs() }));
  };
  process.once("SIGINT", () => {
    tellTotals();
    process.exit(130);
  });
  let toldMs = 0;
  let hash: string | undefined;
  await runCampaign({
    firstSeed,
    exchanges,
    processes: Math.min(processes, Math.max(1, cpus().length)),
    goesOn: (begun) => begun < seeds && elapsedMs() < endMs && totals.failures.length === 0,
    onReport: (report) => {
      totals.add(report);
      if (report.outcome.kind === "held") ({ hash } = report.outcome.result);
      if (elapsedMs() - toldMs < progressMs) return;
      toldMs = elapsedMs();
      say(`${totals.seeds} seeds, ${totals.grants} grants, ${Math.round(toldMs / 1000)} s`);
    },
  });
  if (seeds === 1 && hash !== undefined) say(`seed ${firstSeed}: hash ${hash}`);
  tellTotals();
  if (!totals.isMemoryFlat) fail("memory is not flat: a process has grown by more than half");
  const [failure] = totals.failures;
  if (failure !== undefined) await explain(failure);
}

/** Shrinks a failure, and tells it. */
async function explain(failure: Exclude<Outcome, { kind: "held" }>): Promise<void> {
  const { exchanges } = flags;
  if (!flags.shrink) {
    fail(formatFailure(failure, { exchanges, reduction: undefined, withStory: true }));
    return;
  }
  replaceOutside();
  const folder = new DatabaseFolder();
  await folder.prepare();
  const untilMs = performance.now() + shrinkMsMax;
  const { outcome, reduction, runs } = await shrink(
    failure,
    exchanges,
    folder,
    () => performance.now() > untilMs,
  );
  folder.close();
  say(`shrunk in ${runs} runs`);
  fail(formatFailure(outcome, { exchanges, reduction, withStory: true }));
}

function fail(text: string): void {
  say(text);
  process.exitCode = 2;
}
