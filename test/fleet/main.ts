/**
 * `npm run fleet`: allocators side by side on a real libSQL server, killed at random under load; says whether any
 * lease was lost or given out twice.
 *
 * @module
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { runFleet } from "./fleet.ts";
import type { FleetOptions } from "./fleet.ts";

function positive(text: string): number {
  const number = Number(text);
  if (!/^\d{1,9}$/.test(text) || number === 0)
    throw new InvalidArgumentError("Expected a whole number from 1 on.");
  return number;
}

const flags = new Command("fleet")
  .option("--clients <count>", "clients", positive, 100_000)
  .option("--allocators <count>", "allocators, each with a relay", positive, 4)
  .option("--group-size <count>", "clients that come and go together", positive, 2500)
  .option("--in-flight <count>", "exchanges at a time of each group", positive, 256)
  .option("--kill-ms-max <ms>", "most time between two kills", positive, 10_000)
  .option("--keep <folder>", "a new folder in which wire log and database stay, to look at faults")
  .parse()
  .opts<Omit<FleetOptions, "folder" | "random"> & { keep?: string }>();

const { keep, ...scene } = flags;
// The folder must be new: an old database would contain leases of another run.
if (keep !== undefined) await mkdir(keep);
const folder = keep ?? (await mkdtemp(join(tmpdir(), "apportion-fleet-")));
try {
  const { report, ...counts } = await runFleet({ ...scene, folder, random: Math.random });
  process.stdout.write(`${JSON.stringify({ ...flags, ...counts, ...report }, undefined, 2)}\n`);
  if (report.faults.length > 0) process.exitCode = 2;
} finally {
  if (keep === undefined) await rm(folder, { recursive: true, force: true });
}
