/**
 * Small fleets. `npm run fleet` runs a large one.
 */
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/database.ts";
import { faketimeLibrary, withoutFaketime } from "../support/faketime.ts";
import { hasSqld, withoutSqld } from "../support/sqld.ts";
import type { Disturbance } from "./chaos.ts";
import { runFleet } from "./fleet.ts";
import type { FleetOptions } from "./fleet.ts";

async function runSmallFleet(database: FleetOptions["database"], expected: readonly Disturbance[]) {
  const { report, disturbances, ...counts } = await runFleet({
    database,
    clients: 1000,
    allocators: 2,
    groupSize: 250,
    inFlight: 64,
    // A file is faster than a server, so its fleet is done sooner.
    calmMsMax: database === "file" ? 400 : 1200,
    pauseMsMax: 500,
    folder: await temporaryFolder(),
    random: Math.random,
  });
  expect(report.faults).toEqual([]);
  expect(counts.obtained).toBeGreaterThan(0);
  for (const kind of expected) expect(disturbances[kind], kind).toBeGreaterThan(0);
  expect(report.wire!.acks).toBeGreaterThanOrEqual(counts.renewed);
}

test.skipIf(!hasSqld)(
  `no lease is lost or assigned twice when allocators, relays and server are killed or stopped under load${withoutSqld}`,
  { timeout: 240_000 },
  () => runSmallFleet("server", ["kill-server", "pause-relay", "kill-allocator"]),
);

test.skipIf(faketimeLibrary === undefined)(
  `T9 no lease is lost or assigned twice when the machine's clock is set under a fleet on one file${withoutFaketime}`,
  { timeout: 240_000 },
  () => runSmallFleet("file", ["set-clock", "pause-relay", "kill-allocator"]),
);
