import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { portRanges } from "../portset/port-set.ts";
import { findOverlaps } from "./overlaps.ts";
import type { PortLease, TimedLease } from "./overlaps.ts";

const always = { fromMs: 0, untilMs: Infinity };
const lw4o6 = { address: 0xc0000212, psidOffset: 0, psidLength: 6, ...always };

/** One octet for each port: 1 if the lease includes the port. */
function portsOf(lease: PortLease): Uint8Array {
  const ports = new Uint8Array(65_536);
  for (const { first, last } of portRanges(lease, lease.psid)) ports.fill(1, first, last + 1);
  return ports;
}

/** Finds leases that share a port and a moment with another lease by comparing every two. */
function sharersByForce(leases: readonly TimedLease[]): Set<TimedLease> {
  const ports = new Map(leases.map((lease) => [lease, portsOf(lease)]));
  const sharers = new Set<TimedLease>();
  for (const [index, a] of leases.entries()) {
    for (const b of leases.slice(index + 1)) {
      const [ofA, ofB] = [ports.get(a)!, ports.get(b)!];
      const shareTime = Math.max(a.fromMs, b.fromMs) < Math.min(a.untilMs, b.untilMs);
      const isMet = shareTime && a.address === b.address && ofA.some((has, port) => (has & ofB[port]!) !== 0);
      if (isMet) sharers.add(a).add(b);
    }
  }
  return sharers;
}

/**
 * Few addresses, PSIDs and times, so that leases overlap often; several PSID-lengths, so that they overlap partially. Some
 * end before they begin.
 */
const anyLease = fc
  .tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom([0, 0], [0, 1], [0, 4], [2, 2], [6, 4], [6, 8]),
    fc.nat(7),
    fc.nat(5),
    fc.integer({ min: -1, max: 3 }),
  )
  .map(([address, [psidOffset, psidLength], psid, fromMs, lasts]): TimedLease => ({
    address,
    psidOffset,
    psidLength,
    psid: psid % 2 ** psidLength,
    fromMs,
    untilMs: fromMs + lasts,
  }));

describe("findOverlaps()", () => {
  test("R7618-5-01 finds exactly the leases that a comparison of every two finds", () => {
    fc.assert(
      fc.property(fc.array(anyLease, { maxLength: 7 }), (leases) => {
        const overlaps = findOverlaps(leases);
        const named = new Set(overlaps.flatMap(({ first, second }) => [first, second]));
        const sharers = sharersByForce(leases);
        expect(named.size).toBe(sharers.size);
        expect([...sharers].every((lease) => named.has(lease))).toBe(true);
        for (const { first, second, port } of overlaps) {
          expect(first).not.toBe(second);
          expect(first.address).toBe(second.address);
          expect(first.fromMs).toBeLessThanOrEqual(second.fromMs);
          expect(second.fromMs).toBeLessThan(first.untilMs);
          expect(portsOf(first)[port]! + portsOf(second)[port]!).toBe(2);
        }
      }),
      { numRuns: 400 },
    );
  });

  test("R7618-5-01 finds no overlap among all port sets of an address", () => {
    const leases = Array.from({ length: 64 }, (_, psid) => ({ ...lw4o6, psid }));
    expect(findOverlaps(leases)).toEqual([]);
  });

  test("R7618-8-04 accepts the same PSID on two addresses", () => {
    expect(
      findOverlaps([
        { ...lw4o6, psid: 18 },
        { ...lw4o6, psid: 18, address: 0xc0000213 },
      ]),
    ).toEqual([]);
  });

  test("A9 finds a full address that is also shared", () => {
    const full = { ...lw4o6, psidLength: 0, psid: 0 };
    const shared = { ...lw4o6, psid: 18 };
    expect(findOverlaps([shared, full])).toEqual([{ first: full, second: shared, port: 18_432 }]);
  });

  test("A9 finds port sets of different PSID-lengths that overlap in one range of many", () => {
    const map = { ...lw4o6, psidOffset: 6, psidLength: 8, psid: 0 };
    expect(findOverlaps([{ ...lw4o6, psid: 1 }, map])[0]).toMatchObject({ port: 1024 });
  });

  test("reports two leases once, however many ranges they share", () => {
    const mapOf = (psidLength: number) => ({ ...lw4o6, psidOffset: 6, psidLength, psid: 0 });
    expect(findOverlaps([mapOf(8), mapOf(4)]).length).toBe(1);
  });

  test("returns the caller's leases with their extra fields", () => {
    const [a, b] = [
      { ...lw4o6, psid: 18, client: 1 },
      { ...lw4o6, psid: 18, client: 2 },
    ];
    expect(findOverlaps([a, b])).toEqual([{ first: a, second: b, port: 18_432 }]);
  });

  test("copes with 200,000 leases, a tenth of them duplicates", () => {
    const leases = Array.from({ length: 200_000 }, (_, index) => ({
      address: Math.floor((index % 180_000) / 63),
      psidOffset: 0,
      psidLength: 6,
      psid: 1 + ((index % 180_000) % 63),
      ...always,
    }));
    expect(findOverlaps(leases).length).toBe(20_000);
  });
});
