/**
 * `npm run mutants`: breaks one rule at a time, and checks that a test fails each time. A rule that can be broken
 * without a failing test is not proved.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { idsOf } from "../conformance/matrix.ts";
import { rows } from "../conformance/rows.ts";
import { mutants } from "./mutants.ts";
import type { Mutant } from "./mutant.ts";
import { Workshop } from "./workshop.ts";
import type { Verdict } from "./workshop.ts";

/** The result of testing a mutant. */
interface Outcome {
  readonly mutant: Mutant;
  /** `elsewhere`: a test failed, but none with the id of the rule. */
  readonly result: "killed" | "elsewhere" | "survived" | "invalid";
  /** The test that failed, or why the mutant is invalid. */
  readonly detail: string;
  readonly seconds: number;
}

/** Tests of the service, or of the relay alone, through sockets. */
const socketTests = ["test/rules", "test/relay"];

/** Upper bound of copies of the project that are tested in parallel. */
const jobsMax = 16;

function jobsOf(text: string): number {
  const jobs = Number(text);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > jobsMax) {
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${jobsMax}.`);
  }
  return jobs;
}

function selectMutants(names: readonly string[]): readonly Mutant[] {
  const unknown = names.find((name) => !mutants.some((mutant) => mutant.name === name));
  if (unknown !== undefined)
    throw new RangeError(`Cannot select mutant "${unknown}": no mutant has this name`);
  return names.length === 0 ? mutants : mutants.filter(({ name }) => names.includes(name));
}

/**
 * Runs the socket tests with an id of the rule, because one of them must fail. If none fails, or the rule has no id,
 * runs the tests that the mutant names, then all other quick tests.
 */
async function examine(
  workshop: Workshop,
  mutant: Mutant,
  isBrief: boolean,
): Promise<Omit<Outcome, "mutant" | "seconds">> {
  let restore: () => void;
  try {
    restore = workshop.apply(mutant);
  } catch (error) {
    return { result: "invalid", detail: error instanceof Error ? error.message : String(error) };
  }
  try {
    const ids = mutant.rules.flatMap(idsOf);
    if (ids.length > 0) {
      const own = await workshop.run(workshop.select(socketTests), ids);
      if (own.kind !== "green") return judge(own);
    }
    const result = await examineAll(workshop, mutant, isBrief);
    return ids.length > 0 && result.result === "killed" ? { ...result, result: "elsewhere" } : result;
  } finally {
    restore();
  }
}

async function examineAll(
  workshop: Workshop,
  mutant: Mutant,
  isBrief: boolean,
): Promise<Omit<Outcome, "mutant" | "seconds">> {
  const first = workshop.select(mutant.tests);
  const verdict = await workshop.run(first);
  if (verdict.kind !== "green" || isBrief) return judge(verdict);
  return judge(await workshop.run(workshop.quickTests().filter((file) => !first.includes(file))));
}

function judge(verdict: Verdict): Omit<Outcome, "mutant" | "seconds"> {
  switch (verdict.kind) {
    case "green":
      return { result: "survived", detail: "all tests passed" };
    case "red":
      return { result: "killed", detail: verdict.test };
    case "too-slow":
      return { result: "killed", detail: "the tests exceeded the time limit" };
    case "unloadable":
      return { result: "invalid", detail: verdict.detail };
  }
}

/** Tests the mutants with several copies in parallel, and prints each result as soon as it is known. */
async function examineEach(
  chosen: readonly Mutant[],
  { jobs, brief }: { readonly jobs: number; readonly brief: boolean },
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const waiting = [...chosen];
  const work = async (): Promise<void> => {
    const workshop = Workshop.open();
    try {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const startMs = performance.now();
        const result = await examine(workshop, mutant, brief);
        const outcome = { mutant, ...result, seconds: (performance.now() - startMs) / 1000 };
        outcomes.push(outcome);
        console.log(formatOutcome(outcome));
      }
    } finally {
      workshop.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, chosen.length) }, work));
  return outcomes;
}

function formatOutcome({ mutant, result, detail, seconds }: Outcome): string {
  const columns = [result.padEnd(9), mutant.name.padEnd(44), mutant.rules.join(", ").padEnd(26)];
  return `${columns.join("  ")}  ${seconds.toFixed(0).padStart(3)} s  ${detail}`;
}

/** Checks that all tests pass without a mutant. Tests that always fail would seem to kill every mutant. */
async function assertGreen(): Promise<void> {
  const workshop = Workshop.open();
  try {
    const verdict = await workshop.run(workshop.quickTests());
    if (verdict.kind === "green") return;
    throw new Error(
      `Cannot test mutants: found tests that fail without a mutant: ${JSON.stringify(verdict)}`,
    );
  } finally {
    workshop.close();
  }
}

const flags = new Command("mutants")
  .description("Breaks one rule at a time and expects a failing test each time")
  .option("--only <name...>", "test only these mutants")
  .option("--jobs <count>", "copies of the project that are tested in parallel (default: 2)", jobsOf, 2)
  .option("--brief", "run only the tests that should fail, not the whole suite after them", false)
  .option("--no-baseline", "do not check first that all tests pass without a mutant")
  .parse()
  .opts<{ only?: string[]; jobs: number; brief: boolean; baseline: boolean }>();

const chosen = selectMutants(flags.only ?? []);
if (flags.baseline) await assertGreen();
const outcomes = await examineEach(chosen, flags);
const failures = outcomes.filter(({ result }) => result !== "killed");
const noticed = outcomes.filter(({ result }) => result === "killed" || result === "elsewhere");
const broken = new Set(chosen.flatMap(({ rules }) => rules.flatMap(idsOf)));
const whole = rows.filter(({ id, untested }) => untested === undefined && !broken.has(id));
console.log(`\n${noticed.length} of ${outcomes.length} broken rules were noticed`);
console.log(
  `${broken.size} rules with an id were broken; not broken: ${whole.map(({ id }) => id).join(", ")}`,
);
for (const failure of failures) console.log(formatOutcome(failure));
process.exitCode = failures.length === 0 ? 0 : 1;
