import { expect, test } from "vitest";
import { createGoodput } from "./goodput.ts";

test.each([
  { what: "a pause", bins: [...full(10), ...pause(5), ...full(30)], slowest: 50 },
  { what: "a late begin", bins: [...pause(3), ...full(40)], slowest: 70 },
  { what: "a last second in which few are left", bins: [...full(30), 1, ...pause(9)], slowest: 100 },
  { what: "less than two seconds", bins: full(15), slowest: undefined },
])("the slowest second of a load with $what has $slowest exchanges", ({ bins, slowest }) => {
  let nowMs = 5000;
  const goodput = createGoodput(() => nowMs);
  for (const [bin, count] of bins.entries()) {
    nowMs = 5000 + bin * 100 + 50;
    for (let each = 0; each < count; each++) goodput.count();
  }
  expect(goodput.slowestSecond()).toBe(slowest);
});

/** So many tenths of a second with 10 exchanges, or with none. */
function full(count: number): number[] {
  return new Array<number>(count).fill(10);
}

function pause(count: number): number[] {
  return new Array<number>(count).fill(0);
}
