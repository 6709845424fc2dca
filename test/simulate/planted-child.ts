/**
 * Runs seeds in the copy of the project in which a bug was planted, and writes one line of JSON for each.
 *
 * @module
 */
import { writeSync } from "node:fs";
import { replaceOutside } from "./outside.ts";
import { runSeed } from "./run-seed.ts";
import { DatabaseFolder } from "./template.ts";

/** What a seed showed. */
export type SeedOutcome = { readonly seed: number } & (
  | { readonly kind: "nothing" }
  | { readonly kind: "violation"; readonly rule: string }
  /** An error that is no violation: the bug was not understood. */
  | { readonly kind: "crash"; readonly message: string }
);

/** Events of a run between two looks at the time. */
const eventsPerLook = 2000;

/** Runs a seed. If the time is up, the process ends: nobody can stop a run from outside. */
async function showSeed(
  seed: number,
  exchanges: number,
  folder: DatabaseFolder,
  cpuMsMax: number,
): Promise<SeedOutcome> {
  let events = 0;
  const onLine = (): void => {
    if (++events % eventsPerLook !== 0 || cpuMs() < cpuMsMax) return;
    tell({ seed, kind: "nothing" });
    folder.close();
    process.exit(0);
  };
  const outcome = await runSeed(seed, { exchanges, onLine }, folder);
  if (outcome.kind === "held") return { seed, kind: "nothing" };
  if (outcome.kind === "violated") return { seed, kind: "violation", rule: outcome.rule };
  return { seed, kind: "crash", message: outcome.rule };
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
  seeds: readonly number[],
  exchanges: number,
  enough: number,
  cpuMsMax: number,
): Promise<void> {
  const folder = new DatabaseFolder();
  try {
    await folder.prepare();
    let shown = 0;
    for (const seed of seeds) {
      if (shown >= enough || cpuMs() >= cpuMsMax) break;
      const outcome = await showSeed(seed, exchanges, folder, cpuMsMax);
      if (outcome.kind !== "nothing") shown++;
      tell(outcome);
    }
  } finally {
    folder.close();
  }
}

replaceOutside();
const [seeds, ...limits] = process.argv.slice(2);
const [exchanges, enough, cpuMsMax] = limits.map(Number) as [number, number, number];
await runSeeds(seeds!.split(",").map(Number), exchanges, enough, cpuMsMax);
