import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Chaos } from "./chaos.ts";
import type { Member, MemberKind } from "./chaos.ts";

/** Processes that record what happens to them. */
function fakeFleet(sizes: Readonly<Partial<Record<MemberKind, number>>>) {
  const living = new Map<MemberKind, number>();
  const seen = { kills: 0, resumed: 0, paused: 0, fewest: new Map(Object.entries(sizes)) };
  const members = Object.entries(sizes).flatMap(([name, size]) => {
    const kind = name as MemberKind;
    living.set(kind, size);
    return Array.from({ length: size }, (): Member => {
      let isAlive = true;
      return {
        kind,
        kill: async () => {
          expect(isAlive).toBe(true);
          isAlive = false;
          seen.kills++;
          living.set(kind, living.get(kind)! - 1);
          seen.fewest.set(kind, Math.min(seen.fewest.get(kind)!, living.get(kind)!));
          for (let turn = 0; turn < 20; turn++) await nextTurn();
          living.set(kind, living.get(kind)! + 1);
          isAlive = true;
        },
        pause: () => {
          expect(isAlive).toBe(true);
          seen.paused++;
          return () => {
            seen.resumed++;
          };
        },
      };
    });
  });
  return { members, seen };
}

const options = { hands: 6, calmMsMax: 1, pauseMsMax: 3, random: Math.random };

test("chaos kills as often as it should, never the last process of several, and overlaps", async () => {
  const { members, seen } = fakeFleet({ allocator: 3, relay: 2, server: 1 });
  const steps: number[] = [];
  const setClock = (seconds: number) => {
    steps.push(seconds);
    return Promise.resolve();
  };
  const chaos = new Chaos({ members, setClock }, options);
  await chaos.run(150);
  await chaos.run(50);
  const { disturbances, restartsMs, ...overlaps } = chaos.counts;
  expect(seen.kills).toBe(200);
  expect(Object.values(restartsMs).flat()).toHaveLength(200);
  expect(Object.fromEntries(seen.fewest)).toEqual({ allocator: 1, relay: 1, server: 0 });
  expect(Object.keys(disturbances)).toHaveLength(7);
  expect(steps).toHaveLength(disturbances["set-clock"]!);
  expect(seen.resumed).toBe(seen.paused);
  for (const count of Object.values(overlaps)) expect(count).toBeGreaterThan(0);
});

test("a short run has every kind of disturbance, and a later one ends with its kills", async () => {
  const { members, seen } = fakeFleet({ allocator: 2, relay: 2 });
  const chaos = new Chaos({ members }, options);
  await chaos.run(2);
  const first = chaos.counts.disturbances;
  expect(first).toMatchObject({ "kill-allocator": 1, "kill-relay": 1 });
  expect(Object.keys(first).toSorted()).toEqual([
    "kill-allocator",
    "kill-relay",
    "pause-allocator",
    "pause-relay",
  ]);
  await chaos.run(1);
  expect(seen.kills).toBe(3);
});

test("a kill that fails ends the run", async () => {
  const { members } = fakeFleet({ allocator: 2 });
  const broken: Member = { ...members[0]!, kill: () => Promise.reject(new Error("it does not die")) };
  await expect(new Chaos({ members: [broken] }, options).run(1)).rejects.toThrow("it does not die");
});
