import fc from "fast-check";
import { expect, test } from "vitest";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { findPair, findPoolAt, slotOfPort } from "./find-pair.ts";
import { createPoolGeometry } from "./pool-geometry.ts";

const pool = (name: string, address: string, psidLength: number) => ({
  name,
  geometry: createPoolGeometry({
    firstAddress: parseIPv4(address),
    lastAddress: parseIPv4(address) + 1,
    psidOffset: 0,
    psidLength,
    reservedPorts: psidLength === 0 ? [] : [{ first: 0, last: 1023 }],
    fill: "pack",
  }),
});

test.each([
  ["a PSID in a shared pool", "192.0.2.1", 1, ["shared", 3]],
  ["a PSID with a reserved port", "192.0.2.1", 0, undefined],
  ["a full address in a shared pool", "192.0.2.1", null, undefined],
  ["a full address in a full pool", "198.51.100.1", null, ["full", 1]],
  ["a PSID in a full pool", "198.51.100.1", 0, undefined],
  ["an address outside all pools", "203.0.113.1", null, undefined],
])("findPair() of %s", (_, address, psid, expected) => {
  const pools = [pool("shared", "192.0.2.0", 2), pool("full", "198.51.100.0", 0)];
  const found = findPair(pools, parseIPv4(address), psid);
  expect(found && [found.pool.name, found.number]).toEqual(expected);
});

test.each([
  ["a port of a shared pool", "shared", "192.0.2.1", 16_384, { number: 3, psid: 1 }],
  ["a port of a full pool", "full", "192.0.2.1", 1, { number: 1, psid: 0 }],
  ["a port of a PSID that is withheld", "shared", "192.0.2.1", 1024, undefined],
  ["an address outside the pool", "full", "192.0.2.2", 1, undefined],
])("slotOfPort() finds %s", (_, name, address, port, expected) => {
  const { geometry } = pool(name, "192.0.2.0", name === "full" ? 0 : 2);
  expect(slotOfPort(geometry, parseIPv4(address), port)).toEqual(expected);
});

const first = parseIPv4("192.0.2.0");

/** Disjoint pools of two addresses each, in any order, at the given even distances from the first address. */
const disjointPools = fc
  .uniqueArray(fc.nat({ max: 40 }), { maxLength: 12 })
  .map((places) =>
    places.map((place) => ({ geometry: { ...pool("one", "192.0.2.0", 0).geometry, ...rangeAt(place) } })),
  );
const rangeAt = (place: number) => ({ firstAddress: first + 2 * place, lastAddress: first + 2 * place + 1 });

test("T12 findPoolAt() finds what a look at every pool finds", () => {
  fc.assert(
    fc.property(disjointPools, fc.nat({ max: 90 }), (pools, offset) => {
      const address = first + offset;
      const expected = pools.find(
        ({ geometry }) => geometry.firstAddress <= address && address <= geometry.lastAddress,
      );
      expect(findPoolAt(pools, address)).toBe(expected);
    }),
  );
});

test("T12 findPoolAt() looks at a few of a thousand pools", () => {
  let looks = 0;
  const pools = Array.from({ length: 1024 }, (_, place) => {
    const geometry = { ...pool("one", "192.0.2.0", 0).geometry, ...rangeAt(place) };
    return {
      place,
      get geometry() {
        looks++;
        return geometry;
      },
    };
  });
  findPoolAt(pools, first); // The first search orders the pools.
  looks = 0;
  expect(findPoolAt(pools, first + 2 * 777 + 1)?.place).toBe(777);
  expect(looks).toBeLessThanOrEqual(Math.log2(pools.length) + 2);
});
