/**
 * `npm run fleet`: allocators side by side on a real libSQL server, killed at random under load; says whether any
 * lease was lost or given out twice.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { runFleet } from "./fleet.ts";

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
  .parse()
  .opts<{ clients: number; allocators: number; groupSize: number; inFlight: number; killMsMax: number }>();

const folder = await mkdtemp(join(tmpdir(), "apportion-fleet-"));
try {
  const { report, ...counts } = await runFleet({ ...flags, folder, random: Math.random });
  process.stdout.write(`${JSON.stringify({ ...flags, ...counts, ...report }, undefined, 2)}\n`);
  if (report.faults.length > 0) process.exitCode = 2;
} finally {
  await rm(folder, { recursive: true, force: true });
}
