import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPoolGeometry, pairOf, slotOf, slotsOfAddress } from "./pool-geometry.ts";
import type { PoolGeometry, PoolGeometrySpec } from "./pool-geometry.ts";

const systemPorts = [{ first: 0, last: 1023 }];

/** Only 192.0.2.18, with one range of 1024 ports for each client (lw4o6). */
const oneAddress: PoolGeometrySpec = {
  firstAddress: 0xc000_0212,
  lastAddress: 0xc000_0212,
  psidOffset: 0,
  psidLength: 6,
  reservedPorts: systemPorts,
  fill: "spread",
};

/** 10.0.0.0/8 with 256 port sets for each address: the largest possible pool. */
const slashEight: PoolGeometrySpec = {
  firstAddress: 0x0a00_0000,
  lastAddress: 0x0aff_ffff,
  psidOffset: 6,
  psidLength: 8,
  reservedPorts: systemPorts,
  fill: "pack",
};

/** Pools from one address to a /8, with and without an offset, and with gaps between their usable PSIDs. */
const anyGeometry = fc
  .record({
    firstAddress: fc.nat(0xf000_0000),
    addresses: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 24 })),
    psidOffset: fc.constantFrom(0, 2, 6),
    psidLength: fc.integer({ min: 0, max: 8 }),
    fill: fc.constantFrom("spread" as const, "pack" as const),
    reservedPorts: fc.constantFrom([], systemPorts, [...systemPorts, { first: 5060, last: 5061 }]),
  })
  .filter(({ psidOffset, psidLength }) => psidOffset > 0 || psidLength !== 1)
  .map(({ addresses, ...spec }) =>
    createPoolGeometry({ ...spec, lastAddress: spec.firstAddress + addresses - 1 }),
  );

/** A pool and one of its slot numbers. The last slot is drawn often, because that is where arithmetic overflows. */
const geometryAndSlot: fc.Arbitrary<[PoolGeometry, number]> = anyGeometry.chain((geometry) =>
  fc.tuple(
    fc.constant(geometry),
    fc.oneof(fc.integer({ min: 0, max: geometry.slots - 1 }), fc.constant(geometry.slots - 1)),
  ),
);

describe("createPoolGeometry()", () => {
  test("R7618-8-10 excludes the PSIDs with reserved ports", () => {
    const geometry = createPoolGeometry(oneAddress);
    expect(geometry.slots).toBe(63);
    expect(geometry.psids[0]).toBe(1);
    expect(geometry.psids.at(-1)).toBe(63);
  });

  test("creates one slot for each address of a full pool", () => {
    const spec = { ...oneAddress, lastAddress: oneAddress.firstAddress + 9, psidLength: 0 };
    expect(createPoolGeometry(spec)).toMatchObject({ slots: 10, psids: Uint16Array.of(0) });
  });

  test("counts 2^32 slots in a /8 with 256 port sets for each address", () => {
    expect(createPoolGeometry(slashEight).slots).toBe(2 ** 32);
  });

  test.each([
    [{ psidOffset: 7 }, "offsets 7 to 15 put system ports into every"],
    [{ psidOffset: 15, psidLength: 1 }, "offsets 7 to 15 put system ports into every"],
    [{ reservedPorts: [{ first: 0, last: 65_535 }] }, "reserved port"],
    [{ psidOffset: 6, psidLength: 11 }, "is 17, expected at most 16"],
    [{ firstAddress: 0xc000_0213 }, "expected IPv4 addresses in order"],
    [{ lastAddress: 2 ** 32 }, "expected IPv4 addresses in order"],
    [{ firstAddress: -1 }, "expected IPv4 addresses in order"],
  ])("R7618-9-05 rejects a pool with %o", (change, message) => {
    expect(() => createPoolGeometry({ ...oneAddress, ...change })).toThrow(RangeError);
    expect(() => createPoolGeometry({ ...oneAddress, ...change })).toThrow(message);
  });
});

describe("slots and pairs", () => {
  test("slotOf(pairOf(slot)) is the slot, up to a /8 with k = 8", () => {
    fc.assert(
      fc.property(geometryAndSlot, ([geometry, slot]) => {
        const { address, psid } = pairOf(geometry, slot);
        expect(slotOf(geometry, address, psid)).toBe(slot);
        expect(geometry.psids.includes(psid)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("pairOf() finds the pair of the last slot of a /8", () => {
    expect(pairOf(createPoolGeometry(slashEight), 2 ** 32 - 1)).toEqual({ address: 0x0aff_ffff, psid: 255 });
  });

  test("slotOf() finds nothing outside the pool", () => {
    const geometry = createPoolGeometry(oneAddress);
    expect(slotOf(geometry, oneAddress.firstAddress - 1, 18)).toBeUndefined();
    expect(slotOf(geometry, oneAddress.lastAddress + 1, 18)).toBeUndefined();
    expect(slotOf(geometry, oneAddress.firstAddress, 64)).toBeUndefined();
    expect(slotOf(geometry, oneAddress.firstAddress, 18.5)).toBeUndefined();
  });

  test("R7618-8-10 slotOf() finds no slot for an excluded PSID, neither the lowest nor one in the middle", () => {
    const geometry = createPoolGeometry({
      ...oneAddress,
      reservedPorts: [...systemPorts, { first: 5060, last: 5060 }],
    });
    expect(slotOf(geometry, oneAddress.firstAddress, 0)).toBeUndefined();
    expect(slotOf(geometry, oneAddress.firstAddress, 4)).toBeUndefined();
    expect(slotOf(geometry, oneAddress.firstAddress, 5)).toBe(3);
  });

  test.each([-1, 63, 0.5, NaN])("pairOf() rejects slot %d of 63", (slot) => {
    const geometry = createPoolGeometry(oneAddress);
    expect(() => pairOf(geometry, slot)).toThrow(RangeError);
  });
});

describe("fill orders", () => {
  test("slotsOfAddress() locates the slots of every PSID of an address, in order", () => {
    fc.assert(
      fc.property(geometryAndSlot, ([geometry, slot]) => {
        const { address } = pairOf(geometry, slot);
        const { first, step } = slotsOfAddress(geometry, address);
        const pairs = Array.from(geometry.psids, (_, index) => pairOf(geometry, first + index * step));
        expect(pairs).toEqual(Array.from(geometry.psids, (psid) => ({ address, psid })));
      }),
    );
  });

  test("spread gives every address one subscriber before any address gets a second", () => {
    const geometry = createPoolGeometry({ ...oneAddress, lastAddress: oneAddress.firstAddress + 6 });
    const subscribers = new Map<number, number>();
    for (let slot = 0; slot < geometry.slots; slot++) {
      const { address } = pairOf(geometry, slot);
      const count = subscribers.get(address) ?? 0;
      expect(count).toBe(Math.floor(slot / 7));
      subscribers.set(address, count + 1);
    }
  });

  test("R7618-8-04 pack fills an address before it starts the next", () => {
    const lastAddress = oneAddress.firstAddress + 1;
    const geometry = createPoolGeometry({ ...oneAddress, lastAddress, fill: "pack" });
    expect(pairOf(geometry, 62).address).toBe(oneAddress.firstAddress);
    expect(pairOf(geometry, 63).address).toBe(oneAddress.firstAddress + 1);
  });
});

describe("createPoolGeometry() rejects", () => {
  test("more slots than 32 bits can number, whose keys would collide with those of the next pool", () => {
    const spec = {
      firstAddress: 0,
      lastAddress: 0xffffffff,
      psidOffset: 6,
      psidLength: 8,
      reservedPorts: [],
      fill: "pack" as const,
    };
    expect(() => createPoolGeometry(spec)).toThrow(/1099511627776 slots, expected at most 4294967296/);
  });

  test("a reserved range that ends before it starts, which would reserve nothing", () => {
    const reservedPorts = [{ first: 1023, last: 0 }];
    const spec = { ...oneAddress, reservedPorts };
    expect(() => createPoolGeometry(spec)).toThrow(/range is 1023-0/);
  });
});
