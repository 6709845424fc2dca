/**
 * `npm run fleet`: runs several allocators on one database, kills and stops processes at random under load, sets their
 * clock, and checks whether a lease was lost or assigned twice.
 *
 * @module
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { fleetDatabases } from "./crew.ts";
import { runFleet } from "./fleet.ts";
import type { FleetOptions } from "./fleet.ts";
import { formatResult, formatRound } from "./report.ts";

function positive(text: string): number {
  const number = Number(text);
  if (!/^\d{1,9}$/.test(text) || number === 0)
    throw new InvalidArgumentError("Expected a positive whole number.");
  return number;
}

const flags = new Command("fleet")
  .addOption(
    new Option("--database <kind>", "a libSQL server, which is killed too; or a file")
      .choices(fleetDatabases)
      .default("server"),
  )
  .option("--kills <count>", "kills after which the run ends", positive, 100)
  .option("--kills-per-round <count>", "kills after which the database is checked", positive, 50)
  .option("--hands <count>", "disturbances at the same time", positive, 4)
  .option("--calm-ms-max <ms>", "longest time between two disturbances of a hand", positive, 1000)
  .option("--pause-ms-max <ms>", "longest time for which a process is stopped", positive, 2000)
  .option("--allocators <count>", "number of allocators, each with its own relay", positive, 4)
  .option("--clients <count>", "number of clients", positive, 6000)
  .option("--group-size <count>", "clients that do the same thing together", positive, 100)
  .option("--groups-at-once <count>", "groups that are active at the same time", positive, 16)
  .option("--in-flight <count>", "concurrent exchanges of each active group", positive, 64)
  .option("--lease-seconds <seconds>", "lease time, 60 at least", positive, 300)
  .option("--keep <folder>", "new folder in which wire log, log of the processes, and database are kept")
  .parse()
  .opts<Omit<FleetOptions, "folder" | "random"> & { keep?: string }>();

const { keep, ...scene } = flags;
// `mkdir` fails if the folder exists, so that a database of an earlier run cannot be used by mistake.
if (keep !== undefined) await mkdir(keep);
const folder = keep ?? (await mkdtemp(join(tmpdir(), "apportion-fleet-")));
const print = (text: string): void => void process.stdout.write(text);
try {
  const result = await runFleet({
    ...scene,
    folder,
    random: Math.random,
    onRound: (round) => {
      print(formatRound(round));
    },
  });
  print(formatResult(result, scene));
  if (result.faults.length > 0) process.exitCode = 2;
} finally {
  if (keep === undefined) await rm(folder, { recursive: true, force: true });
}
