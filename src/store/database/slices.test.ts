import { expect, test } from "vitest";
import { createSliceSizer } from "./slices.ts";

/** @returns The rows of each slice, when a row and the way to the database take so many milliseconds. */
async function sizes(wayMs: number, rowMs: (slice: number) => number, slices: number): Promise<number[]> {
  let nowMs = 0;
  const sizer = createSliceSizer({ first: 500, min: 100, max: 100_000 }, 50, () => nowMs);
  const found: number[] = [];
  const pass = (ms: number) => Promise.resolve((nowMs += ms));
  await sizer.ask(() => pass(wayMs));
  for (let slice = 0; slice < slices; slice++) {
    found.push(sizer.rows());
    await sizer.run(() => pass(wayMs + sizer.rows() * rowMs(slice)));
  }
  return found;
}

test("slices double until they take as long as they are meant to", async () => {
  expect(await sizes(0, () => 1 / 256, 7)).toEqual([500, 1000, 2000, 4000, 8000, 12_800, 12_800]);
  expect((await sizes(0, () => 0, 10)).at(-1)).toBe(100_000);
});

test("a slice that is too slow makes the next as much smaller, and not smaller than the least", async () => {
  expect(await sizes(0, () => 0.25, 3)).toEqual([500, 200, 200]);
  expect(await sizes(0, (slice) => (slice === 0 ? 2 ** -4 : 100), 3)).toEqual([500, 800, 100]);
});

test("the way to a server that is far makes no slice smaller", async () => {
  expect(await sizes(500, () => 1 / 256, 7)).toEqual(await sizes(0, () => 1 / 256, 7));
});
