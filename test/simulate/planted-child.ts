/**
 * Runs seeds in the copy of the project in which a bug was planted, and writes one line of JSON for each.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import { Violation } from "../oracle/violation.ts";
import { scenarioOf } from "./scenario.ts";
import { Simulation } from "./simulation.ts";
import { DatabaseFolder } from "./template.ts";

/** What a seed showed. */
export type SeedOutcome =
  | { readonly kind: "nothing" }
  | { readonly kind: "violation"; readonly rule: string }
  /** An error that is no violation: the bug was not understood. */
  | { readonly kind: "crash"; readonly message: string };

/** Events of a run between two looks at the time. */
const eventsPerLook = 2000;

/** Runs a seed. If the time is up, the process ends: nobody can stop a run from outside. */
async function runSeed(
  seed: number,
  exchanges: number,
  folder: DatabaseFolder,
  cpuMsMax: number,
): Promise<SeedOutcome> {
  let events = 0;
  const onEvent = (): void => {
    if (++events % eventsPerLook !== 0 || cpuMs() < cpuMsMax) return;
    tell({ kind: "nothing" });
    folder.close();
    process.exit(0);
  };
  try {
    await new Simulation(scenarioOf(seed), { exchanges, onEvent }, folder).run();
    return { kind: "nothing" };
  } catch (error) {
    if (error instanceof Violation) return { kind: "violation", rule: error.rule };
    return { kind: "crash", message: error instanceof Error ? error.message : String(error) };
  }
}

function tell(outcome: SeedOutcome): void {
  writeSync(1, `${JSON.stringify(outcome)}\n`);
}

/** @returns CPU time of this process, in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Runs seeds until enough of them showed something or the time is up. */
async function runSeeds(
  [first, seeds, exchanges]: readonly [number, number, number],
  enough: number,
  cpuMsMax: number,
): Promise<void> {
  const folder = new DatabaseFolder();
  try {
    await folder.prepare();
    let shown = 0;
    for (let seed = first; seed < first + seeds && shown < enough && cpuMs() < cpuMsMax; seed++) {
      const outcome = await runSeed(seed, exchanges, folder, cpuMsMax);
      if (outcome.kind !== "nothing") shown++;
      tell(outcome);
    }
  } finally {
    folder.close();
  }
}

// A digest that is ready at once, as the kernel expects of everything but its events.
Object.defineProperty(crypto.subtle, "digest", {
  value: (_algorithm: unknown, data: Uint8Array) =>
    Promise.resolve(new Uint8Array(createHash("sha256").update(data).digest()).buffer),
});
const [first, seeds, exchanges, enough, cpuMsMax] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
await runSeeds([first, seeds, exchanges], enough, cpuMsMax);
