/**
 * `npm run mutants`: breaks the rules one at a time, and shows that the tests notice each time. A rule that can be
 * broken without a red test is not proved by any.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { mutants } from "./mutants.ts";
import type { Mutant } from "./mutants.ts";
import { Workshop } from "./workshop.ts";
import type { Verdict } from "./workshop.ts";

/** What became of a mutant. */
interface Outcome {
  readonly mutant: Mutant;
  readonly result: "killed" | "survived" | "invalid";
  /** The test that went red, or what is wrong. */
  readonly detail: string;
  readonly seconds: number;
}

/** Copies at work at the same time, at most. */
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
    throw new RangeError(`Cannot break "${unknown}": there is no mutant of that name`);
  return names.length === 0 ? mutants : mutants.filter(({ name }) => names.includes(name));
}

/** First the tests that should notice; if none of them does, all the others that are quick. */
async function examine(
  workshop: Workshop,
  mutant: Mutant,
  isBrief: boolean,
): Promise<Omit<Outcome, "mutant" | "seconds">> {
  let mend: () => void;
  try {
    mend = workshop.apply(mutant);
  } catch (error) {
    return { result: "invalid", detail: error instanceof Error ? error.message : String(error) };
  }
  try {
    const first = workshop.select(mutant.tests);
    const verdict = await workshop.run(first);
    if (verdict.kind !== "green" || isBrief) return judge(verdict);
    return judge(await workshop.run(workshop.quickTests().filter((file) => !first.includes(file))));
  } finally {
    mend();
  }
}

function judge(verdict: Verdict): Omit<Outcome, "mutant" | "seconds"> {
  switch (verdict.kind) {
    case "green":
      return { result: "survived", detail: "all tests are green" };
    case "red":
      return { result: "killed", detail: verdict.test };
    case "too-slow":
      return { result: "killed", detail: "the tests did not end in time" };
    case "unloadable":
      return { result: "invalid", detail: verdict.detail };
  }
}

/** Works through the list with several copies, and tells of each mutant as it is done. */
async function examineAll(
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
  const columns = [result.padEnd(8), mutant.name.padEnd(44), mutant.rules.join(", ").padEnd(26)];
  return `${columns.join("  ")}  ${seconds.toFixed(0).padStart(3)} s  ${detail}`;
}

/** Without this, tests that are red anyway would seem to notice everything. */
async function assertGreen(): Promise<void> {
  const workshop = Workshop.open();
  try {
    const verdict = await workshop.run(workshop.quickTests());
    if (verdict.kind === "green") return;
    throw new Error(
      `Cannot break anything: the tests are not green to begin with: ${JSON.stringify(verdict)}`,
    );
  } finally {
    workshop.close();
  }
}

const flags = new Command("mutants")
  .description("Breaks rules one at a time and expects a red test each time")
  .option("--only <name...>", "only these mutants")
  .option("--jobs <count>", "copies at work at the same time (default: 2)", jobsOf, 2)
  .option("--brief", "only the tests that should notice, not the whole suite after them", false)
  .option("--no-baseline", "do not check first that the tests are green without a mutant")
  .parse()
  .opts<{ only?: string[]; jobs: number; brief: boolean; baseline: boolean }>();

const chosen = selectMutants(flags.only ?? []);
if (flags.baseline) await assertGreen();
const outcomes = await examineAll(chosen, flags);
const failures = outcomes.filter(({ result }) => result !== "killed");
console.log(`\n${outcomes.length - failures.length} of ${outcomes.length} broken rules were noticed`);
for (const failure of failures) console.log(formatOutcome(failure));
process.exitCode = failures.length === 0 ? 0 : 1;
