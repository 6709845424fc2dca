/**
 * Runs many seeds, in as many processes as wanted, and adds up what they did.
 *
 * @module
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import { addCounts } from "../oracle/excuses.ts";
import type { ExcuseCount } from "../oracle/excuses.ts";
import { MemoryWatch } from "./memory-watch.ts";
import type { MemoryReport } from "./memory-watch.ts";
import { replaceOutside } from "./outside.ts";
import { runSeed } from "./run-seed.ts";
import type { Outcome } from "./run-seed.ts";
import { DatabaseFolder } from "./template.ts";

/** How many times the memory of its first seeds a process may have. */
const growthMax = 1.5;

/** What runs have done so far. */
export class Totals {
  seeds = 0;
  exchanges = 0;
  grants = 0;
  batches = 0;
  virtualMs = 0;
  cpuMs = 0;
  /** Of the process whose memory has grown most. Undefined before the first measurement. */
  memory: MemoryReport | undefined;
  readonly faults = new Map<string, number>();
  readonly excuses = new Map<string, ExcuseCount>();
  readonly failures: Exclude<Outcome, { kind: "held" }>[] = [];

  /** Whether no process has much more memory than after its first seeds. */
  get isMemoryFlat(): boolean {
    const { memory } = this;
    return memory === undefined || memory.nowOctets <= growthMax * memory.firstOctets;
  }

  add({ outcome, cpuMs, memory, faults }: SeedReport): void {
    this.seeds++;
    this.cpuMs += cpuMs;
    if (memory !== undefined && growthOf(memory) >= growthOf(this.memory)) this.memory = memory;
    if (outcome.kind !== "held") {
      this.failures.push(outcome);
      return;
    }
    this.exchanges += outcome.result.exchanges;
    this.grants += outcome.result.grants;
    this.batches += outcome.result.batches;
    this.virtualMs += outcome.result.virtualMs;
    addCounts(this.excuses, outcome.result.excuses);
    for (const [name, count] of Object.entries(faults))
      this.faults.set(name, (this.faults.get(name) ?? 0) + count);
  }
}

const growthOf = (memory: MemoryReport | undefined): number =>
  memory === undefined ? 0 : memory.nowOctets - memory.firstOctets;

/** What a process tells of a seed. */
export interface SeedReport {
  readonly outcome: Outcome;
  /** CPU time that it took. */
  readonly cpuMs: number;
  readonly memory: MemoryReport | undefined;
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
  memoryWatch: MemoryWatch,
): Promise<SeedReport> {
  const before = process.cpuUsage();
  const outcome = await runSeed(seed, { exchanges }, folder);
  const { user, system } = process.cpuUsage(before);
  const faults = outcome.kind === "held" ? Object.fromEntries(outcome.result.faults) : {};
  return { outcome, cpuMs: (user + system) / 1000, memory: await memoryWatch.afterSeed(), faults };
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
  const memoryWatch = new MemoryWatch();
  await folder.prepare();
  try {
    for (let seed = nextSeed(); seed !== undefined; seed = nextSeed())
      onReport(await reportSeed(seed, exchanges, folder, memoryWatch));
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
