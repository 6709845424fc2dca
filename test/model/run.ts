/**
 * Runs plans against the real allocator, and reports failures.
 *
 * @module
 */
import fc from "fast-check";
import { formatPlan, plans } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { regressions } from "./regressions.ts";
import type { World } from "./world.ts";

/** Bounds of a model check, and the values that replay one. */
export interface ModelOptions {
  readonly seed: number;
  readonly runs: number;
  /** Path that a failure printed; runs only that counterexample. */
  readonly path: string | undefined;
  readonly timeLimitMs: number;
  /** Whether to search for the shortest run that fails. */
  readonly shrinks: boolean;
}

/** Upper bound of commands in one run. */
const commandsMax = 30;

/** A failure, with the number of the command after which it occurred. */
class StepError extends Error {
  readonly step: number;
  constructor(step: number, cause: unknown) {
    super(`after command ${step}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.step = step;
  }
}

/** Runs all commands of a plan, in a fresh domain. */
export async function runPlan(world: World, { settings, commands }: Plan): Promise<void> {
  await world.reset(settings);
  for (const [index, command] of commands.entries()) {
    try {
      await world.do(command);
    } catch (error) {
      throw new StepError(index + 1, error);
    }
  }
}

/**
 * Runs random plans until one fails or all have passed.
 *
 * @returns Number of runs.
 * @throws {Error} With the shortest failing run as text, and the command that replays it.
 */
export async function checkModel(world: World, options: ModelOptions): Promise<number> {
  const { seed, runs, path, timeLimitMs, shrinks } = options;
  const property = fc.asyncProperty(plans(commandsMax), (plan) => runPlan(world, plan));
  const result = await fc.check(property, {
    seed,
    numRuns: runs,
    examples: regressions.map((plan): [Plan] => [plan]),
    ...(path !== undefined && { path }),
    endOnFailure: !shrinks,
    interruptAfterTimeLimit: timeLimitMs,
    markInterruptAsFailure: true,
  });
  if (!result.failed) return result.numRuns;
  if (result.counterexample === null) {
    throw new Error(
      `The model was interrupted after ${timeLimitMs} ms and ${result.numRuns} of ${runs} runs`,
    );
  }
  const cause = result.errorInstance;
  const { settings, commands } = result.counterexample[0];
  const steps = cause instanceof StepError ? cause.step : commands.length;
  throw new Error(
    [
      `The model fails ${cause instanceof Error ? cause.message : String(cause)}`,
      formatPlan({ settings, commands: commands.slice(0, steps) }),
      `Replay: npm run model -- --seed ${seed} --path ${result.counterexamplePath}`,
    ].join("\n"),
    { cause },
  );
}
