/**
 * `npm run fuzz`: mutates messages, and gives them to the relay's and the allocator's code. It prints the rate, the
 * outcomes, the reasons that never occurred, and the hash of the run. The exit code is 2 after a failure.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../../src/duration.ts";
import { CampaignFailure, epochMessages, runCampaign } from "./campaign.ts";
import type { TargetName } from "./campaign.ts";
import { formatCase, parseCase, runCase } from "./cases.ts";
import type { Case } from "./cases.ts";
import { divide, runProcesses } from "./processes.ts";
import { describeRun, rateOf } from "./report.ts";
import type { Summary } from "./report.ts";
import { shrink } from "./shrink.ts";
import { startWatchdog } from "./watchdog.ts";

const messagesDefault = 1_000_000;
/** Milliseconds on one message or batch after which the process ends, on a machine that is busy too. */
const stallMsDefault = 60_000;
const shrinkMsDefault = 60_000;
/** Milliseconds between two lines of progress. */
const progressMs = 60_000;

function wholeNumber(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError("Expected a whole number of up to 12 digits.");
  return Number(text);
}

function count(text: string): number {
  if (Number(text) === 0) throw new InvalidArgumentError("Expected at least 1.");
  return wholeNumber(text);
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === 0) throw new InvalidArgumentError("Expected at least 1s.");
  return ms;
}

/** A case that was printed by a failure. */
interface CaseFile {
  readonly file: string;
  readonly case: Case;
}

function readCase(file: string): CaseFile {
  try {
    return { file, case: parseCase(readFileSync(file, "utf8")) };
  } catch (error) {
    const found = (error as Error).message.split("\n", 1)[0]!;
    throw new InvalidArgumentError(`Found ${found}. Expected a file with a case, which a failure prints.`);
  }
}

interface Flags {
  readonly seed?: number;
  readonly messages?: number;
  readonly for?: number;
  readonly processes: number;
  readonly target: TargetName;
  readonly stall: number;
  readonly shrink: number;
  readonly epoch?: number;
  readonly replay?: CaseFile;
}

const flags = new Command("fuzz")
  .description("Mutates messages, and gives them to the code of the relay and the allocator")
  .option("--seed <number>", "the seed of the run (default: a new one)", wholeNumber)
  .addOption(
    new Option("--messages <count>", `how many messages (default: ${messagesDefault})`)
      .argParser(wholeNumber)
      .conflicts("for"),
  )
  .option("--for <time>", "run this long instead, such as 10m; the last epoch is finished", parseDuration)
  .option("--processes <count>", "run this many processes, which share the messages", count, 1)
  .addOption(
    new Option("--target <name>", "what gets them").choices(["relay", "allocator", "both"]).default("both"),
  )
  .option("--stall <time>", "end the process when a message takes this long", duration, stallMsDefault)
  .option(
    "--shrink <time>",
    "spend this long on shortening a case that fails",
    parseDuration,
    shrinkMsDefault,
  )
  .option("--epoch <number>", "run only this epoch, which a failure printed", wholeNumber)
  .option("--replay <file>", "run only the case in this file", readCase)
  .parse()
  .opts<Flags>();

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The property that an error breaks: its message up to what was found. */
function propertyOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${error.message.split(":", 1)[0]!}` : String(error);
}

async function replay({ file, case: found }: CaseFile): Promise<void> {
  try {
    await runCase(found);
    print(`${file} holds`);
  } catch (error) {
    print(`${file} fails: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = 2;
  }
}

async function run(seed: number): Promise<void> {
  const { target, messages = messagesDefault, for: forMs, epoch } = flags;
  const startMs = performance.now();
  let nextProgressMs = startMs + progressMs;
  const watchdog = startWatchdog(seed, flags.stall);
  const nextEpoch = (soFar: number): number => {
    const nowMs = performance.now();
    if (nowMs >= nextProgressMs) {
      nextProgressMs = nowMs + progressMs;
      print(`seed ${seed}: ${soFar} messages, ${rateOf(soFar, nowMs - startMs)}`);
    }
    if (epoch !== undefined) return soFar === 0 ? epochMessages : 0;
    if (forMs !== undefined) return nowMs - startMs < forMs ? epochMessages : 0;
    return Math.min(messages - soFar, epochMessages);
  };
  // Each rejected message makes an error. Their stacks would take most of the time, and nobody reads them.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const { outcomes, ...seen } = await runCampaign({
      seed,
      target,
      firstEpoch: epoch ?? 0,
      nextEpoch,
      watch: watchdog.watch,
    });
    report([{ seed, ...seen, outcomes: [...outcomes] }], performance.now() - startMs);
  } catch (error) {
    Error.stackTraceLimit = stackTraceLimit;
    // To shorten a case takes many runs, none of which is watched.
    await watchdog.close();
    await reportFailure(seed, error);
  } finally {
    await watchdog.close();
  }
}

/** A process of a campaign leaves the report to its parent. */
function report(summaries: readonly Summary[], ms: number): void {
  if (process.send !== undefined) process.send(summaries[0]);
  else for (const line of describeRun(summaries, ms)) print(line);
}

/** Flags that each process of a campaign gets too. */
function sharedFlags(): string[] {
  const { target, stall, shrink: shrinkMs, for: forMs } = flags;
  const seconds = (ms: number) => `${Math.ceil(ms / 1000)}s`;
  return [
    ...["--target", target, "--stall", seconds(stall), "--shrink", seconds(shrinkMs)],
    ...(forMs === undefined ? [] : ["--for", seconds(forMs)]),
  ];
}

async function runInProcesses(seed: number): Promise<void> {
  const { processes, messages = messagesDefault, for: forMs } = flags;
  const startMs = performance.now();
  const parts = divide(seed, processes, forMs === undefined ? messages : undefined);
  const summaries = await runProcesses(import.meta.filename, sharedFlags(), parts);
  if (summaries === undefined) process.exitCode = 2;
  else report(summaries, performance.now() - startMs);
}

async function reportFailure(seed: number, error: unknown): Promise<void> {
  process.exitCode = 2;
  if (!(error instanceof CampaignFailure)) {
    print(`seed ${seed} fails: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return;
  }
  const { epoch, step, failed, message, cause } = error;
  print(`seed ${seed} fails at epoch ${epoch}, step ${step}: ${message}`);
  print(cause instanceof Error ? (cause.stack ?? "") : "");
  print(formatCase(failed, message));
  const endMs = performance.now() + flags.shrink;
  const breaks = async (one: Case): Promise<string | undefined> => {
    try {
      await runCase(one);
      return undefined;
    } catch (found) {
      return propertyOf(found);
    }
  };
  const shortest = await shrink(failed, breaks, () => performance.now() < endMs);
  if (shortest === undefined) {
    print("The case holds when it is run alone: it needs what came before it in its epoch.");
  } else {
    const file = join(tmpdir(), `apportion-fuzz-${seed}-${epoch}-${step}.json`);
    writeFileSync(file, formatCase(shortest, message));
    print(`shortest form, in ${file}:\n${formatCase(shortest, message)}`);
    print(`Replay: npm run fuzz -- --replay ${file}`);
  }
  print(`Repeat: npm run fuzz -- --seed ${seed} --target ${flags.target} --epoch ${epoch}`);
}

const firstSeed = flags.seed ?? Math.floor(Math.random() * 0x1_0000_0000);
if (flags.replay !== undefined) await replay(flags.replay);
else if (flags.processes > 1) await runInProcesses(firstSeed);
else await run(firstSeed);
