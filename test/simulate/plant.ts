/**
 * Plants one bug at a time in a copy of the project, and runs the simulator there. A bug that no seed shows as a
 * violation of the oracle is one that campaigns would not find either.
 *
 * @module
 */
import { Workshop } from "../mutants/workshop.ts";
import { plantedBugs } from "./planted.ts";
import type { PlantedBug } from "./planted/bug.ts";
import type { SeedOutcome } from "./planted-child.ts";

/** Options of {@link runPlanted}. */
export interface PlantedOptions {
  /** Names of bugs. Default: all that the world of the simulator can show. */
  readonly only?: readonly string[] | undefined;
  /** Number of seeds for each bug, from 1 on. Default: 20. */
  readonly seeds?: number | undefined;
  /** Copies of the project that run at the same time. Default: 1. */
  readonly jobs?: number | undefined;
  /** Writes a line. Default: to standard output. */
  readonly print?: ((line: string) => void) | undefined;
}

/** What became of a bug. */
export interface PlantedOutcome {
  readonly bug: PlantedBug;
  readonly result: "caught" | "crashed" | "survived";
  /** Seeds that were run, and those of them that showed a violation. */
  readonly seeds: number;
  readonly caught: number;
  /** The rules that did not hold, or the error of a crash. */
  readonly detail: string;
  readonly seconds: number;
}

/** What is caught once is caught again. */
const firstSeed = 1;
/** Exchanges of each seed. */
const exchanges = 1000;
/** Violations after which no further seed is run. */
const enoughSeeds = 3;
/** CPU time for each bug. */
const bugCpuSeconds = 120;
const unboundedSeconds = 100_000;

/** Time after which a bug that hangs is killed, in milliseconds. */
const bugMsMax = 15 * 60_000;

const child = "test/simulate/planted-child.ts";

/**
 * Plants bugs, prints what became of each, and how many were caught.
 *
 * @returns Whether the oracle caught all of them.
 * @throws {RangeError} When no bug has a name of `only`.
 */
export async function runPlanted(options: PlantedOptions = {}): Promise<boolean> {
  const { only, seeds: count = 20, jobs = 1, print = console.log } = options;
  const chosen = chooseBugs(only);
  const seeds = await soundSeeds(firstSeed, count);
  if (seeds.length < count)
    print(`${count - seeds.length} of ${count} seeds show a violation without any bug, and are left out`);
  const outcomes: PlantedOutcome[] = [];
  const waiting = [...chosen];
  const work = async (): Promise<void> => {
    const workshop = Workshop.open();
    try {
      for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
        const outcome = await tryBug(workshop, bug, seeds);
        outcomes.push(outcome);
        print(formatOutcome(outcome));
      }
    } finally {
      workshop.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, chosen.length) }, work));
  const countOf = (result: PlantedOutcome["result"]): number =>
    outcomes.filter((outcome) => outcome.result === result).length;
  const left = only === undefined ? plantedBugs.length - chosen.length : 0;
  print(
    `${countOf("caught")} of ${chosen.length} planted bugs were caught, ${countOf("crashed")} only crashed, ` +
      `${countOf("survived")} survived; ${left} need what the simulator lacks`,
  );
  return countOf("caught") === chosen.length;
}

function chooseBugs(only: readonly string[] | undefined): readonly PlantedBug[] {
  if (only === undefined) return plantedBugs.filter(({ needs }) => needs === undefined);
  const unknown = only.find((name) => !plantedBugs.some((bug) => bug.name === name));
  if (unknown !== undefined)
    throw new RangeError(`Cannot plant bug "${unknown}": no planted bug has this name`);
  return plantedBugs.filter(({ name }) => only.includes(name));
}

/** @returns The seeds in which the code as it is keeps all promises: only those show anything about a bug. */
async function soundSeeds(first: number, count: number): Promise<readonly number[]> {
  const seeds = Array.from({ length: count }, (_, number) => first + number);
  const workshop = Workshop.open();
  try {
    const outcomes = await runSeeds(workshop, seeds, { enough: count, cpuSeconds: unboundedSeconds });
    const unsound = new Set(outcomes.filter(({ kind }) => kind !== "nothing").map(({ seed }) => seed));
    return seeds.filter((seed) => !unsound.has(seed));
  } finally {
    workshop.close();
  }
}

/** Applies a bug to the copy, runs the seeds there, and takes the bug away. */
async function tryBug(
  workshop: Workshop,
  bug: PlantedBug,
  seeds: readonly number[],
): Promise<PlantedOutcome> {
  const startedMs = performance.now();
  const restores: (() => void)[] = [];
  try {
    restores.push(workshop.apply(bug));
    if (bug.further !== undefined) restores.push(workshop.apply({ ...bug.further, name: bug.name }));
    const outcomes = await runSeeds(workshop, seeds, { enough: enoughSeeds, cpuSeconds: bugCpuSeconds });
    const seconds = (performance.now() - startedMs) / 1000;
    return { bug, ...judge(outcomes), seconds };
  } finally {
    for (const restore of restores.reverse()) restore();
  }
}

/** Runs seeds in the copy until enough of them showed something. */
async function runSeeds(
  workshop: Workshop,
  seeds: readonly number[],
  { enough, cpuSeconds }: { readonly enough: number; readonly cpuSeconds: number },
): Promise<readonly SeedOutcome[]> {
  const args = [seeds.join(), ...[exchanges, enough, cpuSeconds * 1000].map(String)];
  const { stdout, stderr, code } = await workshop.runProgram(child, args, bugMsMax);
  const outcomes = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as SeedOutcome);
  if (code === 0) return outcomes;
  const message = code === null ? "it hangs" : lastLine(stderr);
  return [...outcomes, { seed: seeds[outcomes.length] ?? -1, kind: "crash", message }];
}

function judge(outcomes: readonly SeedOutcome[]): Omit<PlantedOutcome, "bug" | "seconds"> {
  const seeds = outcomes.length;
  const rules = outcomes.flatMap((outcome) => (outcome.kind === "violation" ? [outcome.rule] : []));
  const crashes = outcomes.flatMap((outcome) => (outcome.kind === "crash" ? [outcome.message] : []));
  if (rules.length > 0)
    return { result: "caught", seeds, caught: rules.length, detail: [...new Set(rules)].join("; ") };
  const result = crashes.length > 0 ? "crashed" : "survived";
  return { result, seeds, caught: 0, detail: crashes[0] ?? "no rule was broken" };
}

/** @returns The line of an error that says what it is, of what Node writes about one that nobody caught. */
function lastLine(stderr: string): string {
  return stderr.split("\n").find((line) => /^\w*Error\b/.test(line)) ?? "it ended without a word";
}

function formatOutcome({ bug, result, seeds, caught, detail, seconds }: PlantedOutcome): string {
  const share = `${caught} of ${seeds} seeds`;
  return `${result.padEnd(8)}  ${bug.name.padEnd(48)}  ${share.padEnd(14)}  ${seconds.toFixed(0).padStart(4)} s  ${detail}`;
}
