/**
 * `npm run simulate`: runs the product in virtual time, by seed.
 *
 * @module
 */
import { cpus } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { print } from "../../src/program-output.ts";
import { parseDuration } from "../support/duration.ts";
import { runCampaign, Totals } from "./campaign.ts";
import { replaceOutside } from "./outside.ts";
import { runPlanted } from "./plant.ts";
import { formatFailure, formatTotals } from "./report.ts";
import { runSeed } from "./run-seed.ts";
import type { Outcome } from "./run-seed.ts";
import { features } from "./scenario.ts";
import type { Feature, Reduction } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import { DatabaseFolder } from "./template.ts";

interface Flags {
  readonly seed: number;
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

function wholeNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

function featureList(text: string, before: readonly Feature[]): readonly Feature[] {
  const names = text.split(",");
  const unknown = names.find((name) => !features.includes(name as Feature));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`Found "${unknown}", expected some of ${features.join(", ")}.`);
  return [...before, ...(names as Feature[])];
}

const flags = new Command("simulate")
  .description(
    "Runs relays, allocators, databases and clients in virtual time, with faults, and judges all they do",
  )
  .option(
    "--seed <number>",
    "the first seed (default: a new one)",
    wholeNumber,
    Math.floor(Math.random() * 2 ** 31),
  )
  .option("--seeds <count>", "how many seeds, one after the other (default: 1)", wholeNumber)
  .option("--exchanges <count>", "messages of clients in each run, before the faults end", wholeNumber, 3000)
  .option("--for <duration>", "a campaign: as many seeds as fit, such as 30m", parseDuration)
  .option("--processes <count>", "processes of a campaign", wholeNumber, 1)
  .option("--no-shrink", "print a failure as it is")
  .addOption(new Option("--replay", "print every event of the first seed").conflicts(["for", "seeds"]))
  .option("--without <faults>", "leave out faults, as a shrunk failure says", featureList, [])
  .option("--clients <percent>", "leave out clients, as a shrunk failure says", wholeNumber, 100)
  .option("--planted", "plant known bugs one at a time, and say which of them the oracle catches")
  .option("--only <names...>", "plant only these bugs")
  .parse()
  .opts<Flags>();

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
  const { seed, exchanges, without, clients: clientsPercent } = flags;
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
  const { seed: firstSeed, exchanges, processes } = flags;
  const totals = new Totals();
  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  const seeds = flags.seeds ?? (flags.for === undefined ? 1 : Infinity);
  const endMs = flags.for ?? Infinity;
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
  say(formatTotals(totals, { firstSeed, elapsedMs: elapsedMs() }));
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
