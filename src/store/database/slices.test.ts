import { expect, test } from "vitest";
import { createSliceSizer } from "./slices.ts";

/** @returns The number of rows of each slice, given the round trip to the database and the time for one row. */
async function sizes(
  roundTripMs: number,
  rowMs: (slice: number) => number,
  slices: number,
): Promise<number[]> {
  let nowMs = 0;
  const sizer = createSliceSizer({ first: 500, min: 100, max: 100_000 }, 50, () => nowMs);
  const found: number[] = [];
  const pass = (ms: number) => Promise.resolve((nowMs += ms));
  await sizer.measure(() => pass(roundTripMs));
  for (let slice = 0; slice < slices; slice++) {
    found.push(sizer.rows());
    await sizer.run(() => pass(roundTripMs + sizer.rows() * rowMs(slice)));
  }
  return found;
}

test("slices double until they take the target time", async () => {
  expect(await sizes(0, () => 1 / 256, 7)).toEqual([500, 1000, 2000, 4000, 8000, 12_800, 12_800]);
  expect((await sizes(0, () => 0, 10)).at(-1)).toBe(100_000);
});

test("after a slice that is too slow, the next is proportionally smaller, but not below the minimum", async () => {
  expect(await sizes(0, () => 0.25, 3)).toEqual([500, 200, 200]);
  expect(await sizes(0, (slice) => (slice === 0 ? 2 ** -4 : 100), 3)).toEqual([500, 800, 100]);
});

test("a long round trip to the server makes no slice smaller", async () => {
  expect(await sizes(500, () => 1 / 256, 7)).toEqual(await sizes(0, () => 1 / 256, 7));
});
