/**
 * Runs many seeds, in as many processes as wanted, and adds up what they did.
 *
 * @module
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import { replaceOutside } from "./outside.ts";
import { runSeed } from "./run-seed.ts";
import type { Outcome } from "./run-seed.ts";
import { DatabaseFolder } from "./template.ts";

/** What runs have done so far. */
export class Totals {
  seeds = 0;
  exchanges = 0;
  grants = 0;
  batches = 0;
  virtualMs = 0;
  cpuMs = 0;
  /** The most octets that a process had on its heap after a run. */
  heapOctets = 0;
  readonly faults = new Map<string, number>();
  readonly failures: Exclude<Outcome, { kind: "held" }>[] = [];

  add({ outcome, cpuMs, heapOctets, faults }: SeedReport): void {
    this.seeds++;
    this.cpuMs += cpuMs;
    this.heapOctets = Math.max(this.heapOctets, heapOctets);
    if (outcome.kind !== "held") {
      this.failures.push(outcome);
      return;
    }
    this.exchanges += outcome.result.exchanges;
    this.grants += outcome.result.grants;
    this.batches += outcome.result.batches;
    this.virtualMs += outcome.result.virtualMs;
    for (const [name, count] of Object.entries(faults))
      this.faults.set(name, (this.faults.get(name) ?? 0) + count);
  }
}

/** What a process tells of a seed. */
export interface SeedReport {
  readonly outcome: Outcome;
  /** CPU time that it took. */
  readonly cpuMs: number;
  readonly heapOctets: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** Options of a campaign. */
export interface CampaignOptions {
  readonly firstSeed: number;
  readonly exchanges: number;
  readonly processes: number;
  /** Whether another seed may begin after so many. */
  readonly goesOn: (begun: number) => boolean;
  readonly onReport: (report: SeedReport) => void;
}

/** Runs one seed, and measures it. */
export async function reportSeed(
  seed: number,
  exchanges: number,
  folder: DatabaseFolder,
): Promise<SeedReport> {
  const before = process.cpuUsage();
  const outcome = await runSeed(seed, { exchanges }, folder);
  const { user, system } = process.cpuUsage(before);
  const faults = outcome.kind === "held" ? Object.fromEntries(outcome.result.faults) : {};
  return { outcome, cpuMs: (user + system) / 1000, heapOctets: process.memoryUsage().heapUsed, faults };
}

/** Runs seeds one after the other in this process, or side by side in others. */
export async function runCampaign(options: CampaignOptions): Promise<void> {
  const { firstSeed, exchanges, processes, goesOn, onReport } = options;
  let begun = 0;
  const nextSeed = (): number | undefined => (goesOn(begun) ? firstSeed + begun++ : undefined);
  if (processes > 1) {
    await Promise.all(Array.from({ length: processes }, () => runWorker({ exchanges, nextSeed, onReport })));
    return;
  }
  replaceOutside();
  const folder = new DatabaseFolder();
  await folder.prepare();
  try {
    for (let seed = nextSeed(); seed !== undefined; seed = nextSeed())
      onReport(await reportSeed(seed, exchanges, folder));
  } finally {
    folder.close();
  }
}

interface WorkerOptions extends Pick<CampaignOptions, "exchanges" | "onReport"> {
  readonly nextSeed: () => number | undefined;
}

/** Lets another process run seeds until there are none left. */
function runWorker({ exchanges, nextSeed, onReport }: WorkerOptions): Promise<void> {
  const worker = fork(join(import.meta.dirname, "worker.ts"), { execArgv: process.execArgv });
  return new Promise((resolve, reject) => {
    const give = (): void => {
      const seed = nextSeed();
      worker.send(seed === undefined ? "end" : { seed, exchanges });
    };
    worker.on("message", (report: SeedReport | "ready") => {
      if (report !== "ready") onReport(report);
      give();
    });
    worker.on("error", reject);
    worker.on("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`A process of the campaign ended with ${signal ?? code}`));
    });
  });
}
