import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leaseSecondsMax } from "../limits.ts";
import { renewalTimes } from "./renewal-times.ts";
import type { TimedLease } from "./renewal-times.ts";

const lease: TimedLease = { clientId: "ff00000001", pair: { address: 0xc0000212 }, leaseSeconds: 3600 };
const clientId = (client: number) => `ff${client.toString(16).padStart(36, "0")}`;

/** Any client and pair, with a lease time of up to one second less than infinity. */
const anyLease = (secondsMin: number) =>
  fc.record<TimedLease>({
    clientId: fc.string({ unit: fc.constantFrom("0", "1", "7", "8", "9", "a", "c", "f"), maxLength: 64 }),
    pair: fc.record({
      address: fc.nat({ max: 0xffffffff }),
      portSet: fc.record({
        psidOffset: fc.constant(0),
        psidLength: fc.constant(16),
        psid: fc.nat({ max: 0xffff }),
      }),
    }),
    leaseSeconds: fc.oneof(
      fc.integer({ min: secondsMin, max: 200 }),
      fc.integer({ min: secondsMin, max: leaseSecondsMax }),
      fc.integer({ min: secondsMin, max: 0xfffffffe }),
    ),
  });

describe("renewalTimes()", () => {
  test("R6 R9 whole seconds, T1 in 0.45..0.5 and T2 in 0.85..0.875 of the lease, so T1 < T2 < lease", () => {
    fc.assert(
      fc.property(anyLease(60), (each) => {
        const { renewalSeconds: t1, rebindingSeconds: t2 } = renewalTimes(each)!;
        const { leaseSeconds } = each;
        expect([t1, t2].every(Number.isInteger)).toBe(true);
        expect(t1 * 100 >= leaseSeconds * 45 && t1 * 2 <= leaseSeconds).toBe(true);
        expect(t2 * 100 >= leaseSeconds * 85 && t2 * 8 <= leaseSeconds * 7).toBe(true);
        expect(0 < t1 && t1 < t2 && t2 < leaseSeconds).toBe(true);
      }),
    );
  });

  test("R6 the same lease always has the same times", () => {
    fc.assert(
      fc.property(anyLease(60), (each) => {
        expect(renewalTimes(structuredClone(each))).toEqual(renewalTimes(each));
      }),
    );
  });

  test("R9 a lease of less than 60 s has no times", () => {
    fc.assert(
      fc.property(anyLease(1), (each) => {
        expect(renewalTimes(each) === undefined).toBe(each.leaseSeconds < 60);
      }),
    );
  });

  test("R9 an infinite lease has no times", () => {
    expect(renewalTimes({ ...lease, leaseSeconds: 0xffffffff })).toBeUndefined();
  });

  test.each<[what: string, leaseOf: (client: number) => TimedLease]>([
    [
      "clients with a pair each",
      (client) => ({ ...lease, clientId: clientId(client), pair: pairOf(client) }),
    ],
    ["clients that differ in their identifiers only", (client) => ({ ...lease, clientId: clientId(client) })],
    ["pairs of one client", (client) => ({ ...lease, pair: pairOf(client) })],
  ])("R6 T1 and T2 of 1000 %s are spread evenly, and independently of each other", (_what, leaseOf) => {
    const times = Array.from({ length: 1000 }, (_, client) => renewalTimes(leaseOf(client))!);
    // Ten parts of each range with 100 clients each on average: fewer than 50 or more than 160 would be no even spread.
    const partOf = (seconds: number, from: number, range: number) =>
      Math.floor(((seconds - from) * 10) / (range + 1));
    const parts = times.map(({ renewalSeconds, rebindingSeconds }) => ({
      t1: partOf(renewalSeconds, 1620, 180),
      t2: partOf(rebindingSeconds, 3060, 90),
    }));
    for (let part = 0; part < 10; part++) {
      for (const key of ["t1", "t2"] as const) {
        const count = parts.filter((each) => each[key] === part).length;
        expect(count).toBeGreaterThan(50);
        expect(count).toBeLessThan(160);
      }
    }
    // All of the 100 combinations of parts are expected; a few may be missing by chance.
    expect(new Set(parts.map(({ t1, t2 }) => t1 * 10 + t2)).size).toBeGreaterThan(90);
  });
});

/** The pair of a client: 63 port sets of each address. */
const pairOf = (client: number) => ({
  address: 0xc0000200 + Math.floor(client / 63),
  portSet: { psidOffset: 0, psidLength: 6, psid: 1 + (client % 63) },
});
