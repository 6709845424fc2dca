import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { replaceOutside } from "./outside.ts";
import { scenarioOf } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";
import { Simulation } from "./simulation.ts";
import { DatabaseFolder } from "./template.ts";

/** Clients that do nothing but renew, so that neither the database nor what the oracle remembers grows. */
const steady: Scenario = {
  ...scenarioOf(1),
  relays: 2,
  allocators: 2,
  clients: { wellBehaved: 150, stubborn: 0, forgetful: 0, hostile: 0 },
  whimOneIn: 1_000_000_000,
  roundTripMs: 5,
  killsEverySeconds: 0,
  pausesEverySeconds: 40,
  pauseMsMax: 2000,
  outagesEverySeconds: 60,
  operatorEverySeconds: 0,
  isRenumbering: false,
  lifeSeconds: 1_000_000,
};

/** Messages after which memory is measured: when everything was compiled and has its size, and much later. */
const [early, late] = [15_000, 35_000];
/** Octets that one message may leave behind. A frame has some hundred. */
const octetsMax = 100;

test("no message leaves anything in the memory of relays and allocators", { timeout: 240_000 }, async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  replaceOutside();
  const folder = new DatabaseFolder();
  await folder.prepare();
  const measured: { readonly exchanges: number; readonly octets: number }[] = [];
  const onLook = async (exchanges: number): Promise<void> => {
    if (exchanges < [early, late, Infinity][measured.length]!) return;
    // Native code frees what is garbage in a turn of the event loop.
    for (let turn = 0; turn < 3; turn++) {
      collect();
      await setImmediate();
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    measured.push({ exchanges, octets: heapUsed + arrayBuffers });
  };
  await new Simulation(steady, { exchanges: late + 2000, onLook }, folder).run();
  folder.close();
  const [before, after] = measured;
  const growth = (after!.octets - before!.octets) / (after!.exchanges - before!.exchanges);
  console.log(`${growth.toFixed(1)} octets a message, from ${(before!.octets / 2 ** 20).toFixed(1)} MiB on`);
  expect(growth).toBeLessThan(octetsMax);
});
