/**
 * Runs one seed, and says how it ended.
 *
 * @module
 */
import { Violation } from "../oracle/violation.ts";
import { seedSecrets } from "./outside.ts";
import { reduce, scenarioOf, wholeScenario } from "./scenario.ts";
import type { Reduction } from "./scenario.ts";
import { Simulation } from "./simulation.ts";
import type { RunResult } from "./simulation.ts";
import type { DatabaseFolder } from "./template.ts";

/** How a run ended. */
export type Outcome =
  | { readonly kind: "held"; readonly seed: number; readonly result: RunResult }
  | {
      /** `violated`: the oracle found something; `crashed`: something threw that nobody expected. */
      readonly kind: "violated" | "crashed";
      readonly seed: number;
      /** What the oracle calls it; the message of the error after a crash. */
      readonly rule: string;
      readonly message: string;
      /** Events and callbacks before it. */
      readonly step: number;
      /** The last events, as lines. */
      readonly story: readonly string[];
    };

/** Options of a run. */
export interface SeedOptions {
  readonly exchanges: number;
  readonly reduction?: Reduction;
  /** Gets each event as it happens. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** An event of the trace. It becomes a line when somebody reads it, and most are never read. */
interface StoryEvent {
  readonly atMs: number;
  readonly text: string;
}

/** Lines that are kept for the story of a failure. */
const storyLinesMax = 60;

/** Runs a seed. */
export async function runSeed(
  seed: number,
  { exchanges, reduction = wholeScenario, onLine }: SeedOptions,
  folder: DatabaseFolder,
): Promise<Outcome> {
  const story: StoryEvent[] = [];
  const onEvent = (atMs: number, text: string): void => {
    onLine?.(formatEvent({ atMs, text }));
    story.push({ atMs, text });
    if (story.length > 2 * storyLinesMax) story.splice(0, storyLinesMax);
  };
  seedSecrets(seed);
  const simulation = new Simulation(reduce(scenarioOf(seed), reduction), { exchanges, onEvent }, folder);
  try {
    return { kind: "held", seed, result: await simulation.run() };
  } catch (error) {
    const { message, stack = message } = error as Error;
    const isViolation = error instanceof Violation;
    return {
      kind: isViolation ? "violated" : "crashed",
      seed,
      rule: isViolation ? error.rule : message,
      message: isViolation ? message : stack,
      step: simulation.steps,
      story: story.slice(-storyLinesMax).map(formatEvent),
    };
  }
}

/** Begins with whole seconds and milliseconds, aligned. */
function formatEvent({ atMs, text }: StoryEvent): string {
  return `${(atMs / 1000).toFixed(3).padStart(10)} s  ${text}`;
}
