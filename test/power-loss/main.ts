/**
 * `npm run power-loss -- --commits N --seed S`: records runs, and takes the power away after each of their writes.
 *
 * @module
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { plants } from "./actor.ts";
import type { Plant } from "./actor.ts";
import { losePower } from "./power-loss.ts";
import { whyNotRecorded } from "./record.ts";

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

/** Commits of one recording: each restart looks up all leases that were given, so longer ones take much longer. */
const recordedCommitsMax = 60;

const flags = new Command("power-loss")
  .description("Records the writes of runs, and takes the power away after each of them")
  .option("--commits <count>", "number of commits, in recordings of at most 60", wholeNumber, 300)
  .option("--seed <number>", "seed of the first recording; each next one has the next seed", wholeNumber)
  .addOption(new Option("--plant <fault>", "a fault that must be found").choices(plants))
  .parse()
  .opts<{ commits: number; seed?: number; plant?: Plant }>();

const without = await whyNotRecorded();
if (without !== "") throw new Error(`Cannot record: expected strace${without}`);

const first = flags.seed ?? Math.floor(Math.random() * 2 ** 31);
const startMs = performance.now();
const folder = await mkdtemp(join(tmpdir(), "apportion-power-loss-"));
const sums: Record<string, number> = {};
const violations: string[] = [];
const add = (counts: Readonly<Record<string, unknown>>) => {
  for (const [name, count] of Object.entries(counts)) {
    if (typeof count === "number") sums[name] = (sums[name] ?? 0) + count;
  }
};
try {
  for (let left = flags.commits, seed = first; left > 0; left -= recordedCommitsMax, seed += 1) {
    const run = join(folder, String(seed));
    await mkdir(run);
    const commits = Math.min(left, recordedCommitsMax);
    const report = await losePower({ seed, commits, folder: run, plant: flags.plant, violationsMax: 10 });
    await rm(run, { recursive: true });
    const { losses, events, ...counts } = report;
    add(counts);
    add(losses);
    add({ writes: events.write, syncs: (events.sync ?? 0) + (events["sync-folder"] ?? 0) });
    violations.push(...report.violations);
    process.stderr.write(
      `seed ${seed}: ${report.points} points, ${report.images} images, ${report.violations.length} violations\n`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
const seconds = Math.round((performance.now() - startMs) / 1000);
process.stdout.write(`${JSON.stringify({ seed: first, seconds, ...sums, violations }, undefined, 2)}\n`);
if (violations.length > 0) process.exitCode = 2;
