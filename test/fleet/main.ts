/**
 * `npm run fleet`: runs several allocators on one database, kills and stops them at random under load or sets their
 * clock, and checks whether a lease was lost or assigned twice.
 *
 * @module
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { fleetDatabases, runFleet } from "./fleet.ts";
import type { FleetOptions } from "./fleet.ts";

function positive(text: string): number {
  const number = Number(text);
  if (!/^\d{1,9}$/.test(text) || number === 0)
    throw new InvalidArgumentError("Expected a positive whole number.");
  return number;
}

const flags = new Command("fleet")
  .addOption(
    new Option(
      "--database <kind>",
      "a libSQL server, which is killed too; or a file, whose allocators' clock is set",
    )
      .choices(fleetDatabases)
      .default("server"),
  )
  .option("--clients <count>", "number of clients", positive, 100_000)
  .option("--allocators <count>", "number of allocators, each with its own relay", positive, 4)
  .option("--group-size <count>", "clients that obtain, renew and release leases together", positive, 2500)
  .option("--in-flight <count>", "concurrent exchanges of each group", positive, 256)
  .option("--calm-ms-max <ms>", "longest time between two disturbances", positive, 10_000)
  .option("--pause-ms-max <ms>", "longest time for which a process is stopped", positive, 2000)
  .option("--keep <folder>", "new folder in which wire log and database are kept")
  .parse()
  .opts<Omit<FleetOptions, "folder" | "random"> & { keep?: string }>();

const { keep, ...scene } = flags;
// `mkdir` fails if the folder exists, so that a database of an earlier run cannot be used by mistake.
if (keep !== undefined) await mkdir(keep);
const folder = keep ?? (await mkdtemp(join(tmpdir(), "apportion-fleet-")));
try {
  const { report, ...counts } = await runFleet({ ...scene, folder, random: Math.random });
  process.stdout.write(`${JSON.stringify({ ...flags, ...counts, ...report }, undefined, 2)}\n`);
  if (report.faults.length > 0) process.exitCode = 2;
} finally {
  if (keep === undefined) await rm(folder, { recursive: true, force: true });
}
