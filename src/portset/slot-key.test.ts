import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { numberOfSlot, poolOfSlot, slotKey, slotsPerPool } from "./slot-key.ts";

const poolIdMax = 2 ** 21 - 1;
const anyPoolId = fc.integer({ min: 1, max: poolIdMax });
const anyNumber = fc.oneof(fc.nat(2 ** 31 - 1), fc.integer({ min: 2 ** 31, max: slotsPerPool - 1 }));

describe("slotKey()", () => {
  test.each([
    [1, 0, 4_294_967_296],
    [1, 1, 4_294_967_297],
    [3, 7, 12_884_901_895],
    [poolIdMax, slotsPerPool - 1, Number.MAX_SAFE_INTEGER],
  ])("of pool %i and number %i is %i", (poolId, number, slot) => {
    expect(slotKey(poolId, number)).toBe(slot);
  });

  test("equals pool << 32 | number, as in SQL", () => {
    fc.assert(
      fc.property(anyPoolId, anyNumber, (poolId, number) => {
        expect(BigInt(slotKey(poolId, number))).toBe((BigInt(poolId) << 32n) | BigInt(number));
      }),
    );
  });

  test("sorts the slots of a pool before those of the next pool", () => {
    expect(slotKey(2, slotsPerPool - 1)).toBeLessThan(slotKey(3, 0));
  });
});

test("poolOfSlot() and numberOfSlot() reverse slotKey()", () => {
  fc.assert(
    fc.property(anyPoolId, anyNumber, (poolId, number) => {
      const slot = slotKey(poolId, number);
      expect([poolOfSlot(slot), numberOfSlot(slot)]).toEqual([poolId, number]);
    }),
  );
});
