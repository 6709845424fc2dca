/**
 * Small fleets. `npm run fleet` runs a large one.
 */
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/database.ts";
import { faketimeLibrary, withoutFaketime } from "../support/faketime.ts";
import { hasSqld, withoutSqld } from "../support/sqld.ts";
import type { Disturbance } from "./chaos.ts";
import { runFleet } from "./fleet.ts";
import type { FleetOptions, Round } from "./fleet.ts";

async function runSmallFleet(database: FleetOptions["database"], expected: readonly Disturbance[]) {
  const rounds: Round[] = [];
  const { faults, disturbances, ...counts } = await runFleet({
    database,
    kills: 5,
    killsPerRound: 3,
    leaseSeconds: 3600,
    clients: 1000,
    allocators: 2,
    groupSize: 100,
    groupsAtOnce: 4,
    inFlight: 16,
    hands: 2,
    calmMsMax: 300,
    pauseMsMax: 500,
    folder: await temporaryFolder(),
    random: Math.random,
    onRound: (round) => void rounds.push(round),
  });
  expect([faults, counts.failedStarts]).toEqual([[], []]);
  for (const kind of expected) expect(disturbances[kind], kind).toBeGreaterThan(0);
  expect(rounds.map(({ kills }) => kills)).toEqual([3, 5]);
  expect(rounds.at(-1)!.held).toBeGreaterThan(0);
  expect(counts.acks).toBeGreaterThanOrEqual(counts.obtained + counts.renewed);
}

test.skipIf(!hasSqld)(
  `no lease is lost or assigned twice when allocators, relays and server are killed or stopped under load${withoutSqld}`,
  { timeout: 240_000 },
  () =>
    runSmallFleet("server", [
      ...(["kill-allocator", "kill-relay", "kill-server"] as const),
      ...(["pause-allocator", "pause-relay", "pause-server"] as const),
    ]),
);

test.skipIf(faketimeLibrary === undefined)(
  `T9 no lease is lost or assigned twice when the machine's clock is set under a fleet on one file${withoutFaketime}`,
  { timeout: 240_000 },
  () =>
    runSmallFleet("file", ["set-clock", "kill-allocator", "kill-relay", "pause-allocator", "pause-relay"]),
);
