/**
 * A small fleet. `npm run fleet` runs a large one.
 */
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/database.ts";
import { hasSqld, withoutSqld } from "../support/sqld.ts";
import { runFleet } from "./fleet.ts";

test.skipIf(!hasSqld)(
  `no lease is lost or assigned twice when allocators and server are killed under load${withoutSqld}`,
  { timeout: 240_000 },
  async () => {
    const { report, ...counts } = await runFleet({
      clients: 1000,
      allocators: 2,
      groupSize: 250,
      inFlight: 64,
      killMsMax: 1500,
      folder: await temporaryFolder(),
      random: Math.random,
    });
    expect(report.faults).toEqual([]);
    expect(counts.obtained).toBeGreaterThan(0);
    expect(counts.killedServers).toBeGreaterThan(0);
    expect(counts.killedAllocators).toBeGreaterThan(0);
    expect(report.wire!.acks).toBeGreaterThanOrEqual(counts.renewed);
  },
);
