import { expect, test } from "vitest";
import { judgeLoads, judgeMemory } from "./relay-verdict.ts";
import type { LoadRow, MemoryRow } from "./relay-verdict.ts";

/** A load of 10 s for an allocator of 1,000/s, with which all is well. */
function rowOf(load: number, other: Partial<LoadRow> = {}): LoadRow {
  const inTime = Math.min(load, 1) * 10_000;
  return { load, capacity: 1000, seconds: 10, sent: load * 10_000, inTime, kernelDrops: 0, ...other };
}

test("judgeLoads() has nothing against figures that are valid and good", () => {
  expect(judgeLoads([rowOf(0.5), rowOf(1), rowOf(5)])).toEqual([]);
  expect(judgeLoads([rowOf(1, { sent: 9801, inTime: 9001 }), rowOf(5, { inTime: 9001 })])).toEqual([]);
});

test("judgeLoads() finds that less was answered than the allocator could have served", () => {
  expect(judgeLoads([rowOf(1, { inTime: 2000 }), rowOf(5, { inTime: 2000 })])).toEqual([
    "at 1 x goodput is 200/s, expected at least 90 % of the 1000/s that the allocator could have served",
  ]);
  expect(judgeLoads([rowOf(0.5, { inTime: 4000 })])).toEqual([
    "at 0.5 x goodput is 400/s, expected at least 90 % of the 500/s that the allocator could have served",
  ]);
});

test("judgeLoads() finds that the generator did not send what it promised", () => {
  expect(judgeLoads([rowOf(1), rowOf(5, { sent: 40_000 })])[0]).toBe(
    "at 5 x the generator sent 40000 of the 50000 datagrams that it promised, expected at least 98 %: " +
      "this machine, as busy as it is, needs a smaller --capacity",
  );
});

test("judgeLoads() finds what the kernel dropped", () => {
  expect(judgeLoads([rowOf(1), rowOf(5, { kernelDrops: 1 })])[0]).toMatch(
    /^at 5 x the kernel dropped 1 datagrams, expected none/,
  );
});

test("judgeLoads() finds that the relay breaks down under the greatest load", () => {
  expect(judgeLoads([rowOf(5, { inTime: 8000 }), rowOf(1)])).toEqual([
    "goodput at the greatest load is 80 % of the best, expected at least 90 %",
  ]);
  expect(judgeLoads([rowOf(5, { inTime: 0 })])).not.toEqual([]);
});

/** Ten steps of memory in MiB. */
function memoryRows(rss: readonly number[], last: Partial<MemoryRow> = {}): MemoryRow[] {
  const rows = rss.map((rssMiB, at) => ({ answered: at + 1, rssMiB }));
  return [...rows.slice(0, -1), { ...rows.at(-1)!, ...last }];
}

test("judgeMemory() takes what does not grow after a fifth for flat", () => {
  expect(judgeMemory(memoryRows([100, 150, 140, 150, 160, 150, 155, 150, 160, 160]))).toEqual([]);
});

test("judgeMemory() finds growth, and silence", () => {
  const growing = [100, 110, 120, 130, 140, 150, 160, 170, 180, 190];
  expect(judgeMemory(memoryRows(growing))[0]).toMatch(/^the relay holds 190 MiB at the end/);
  const flat = growing.map(() => 100);
  expect(judgeMemory(memoryRows(flat, { answered: 0 }))).toEqual([
    "the generator got no answer: nothing was relayed",
  ]);
});
