import { expect, test } from "vitest";
import { judgeLoads, judgeMemory } from "./relay-verdict.ts";
import type { LoadRow, MemoryRow } from "./relay-verdict.ts";

/** A faultless row: a load of 10 s for an allocator that serves 1000 frames a second. */
function rowOf(load: number, other: Partial<LoadRow> = {}): LoadRow {
  const inTime = Math.min(load, 1) * 10_000;
  return { load, capacity: 1000, seconds: 10, sent: load * 10_000, inTime, kernelDrops: 0, ...other };
}

test("judgeLoads() accepts valid figures with sufficient goodput", () => {
  expect(judgeLoads([rowOf(0.5), rowOf(1), rowOf(5)])).toEqual([]);
  expect(judgeLoads([rowOf(1, { sent: 9801, inTime: 9001 }), rowOf(5, { inTime: 9001 })])).toEqual([]);
});

test("judgeLoads() rejects a goodput below 90 % of what the allocator can serve", () => {
  expect(judgeLoads([rowOf(1, { inTime: 2000 }), rowOf(5, { inTime: 2000 })])).toEqual([
    "at 1 x goodput is 200/s, expected at least 90 % of the 1000/s that the allocator could have served",
  ]);
  expect(judgeLoads([rowOf(0.5, { inTime: 4000 })])).toEqual([
    "at 0.5 x goodput is 400/s, expected at least 90 % of the 500/s that the allocator could have served",
  ]);
});

test("judgeLoads() rejects figures of a generator that did not reach its rate", () => {
  expect(judgeLoads([rowOf(1), rowOf(5, { sent: 40_000 })])[0]).toBe(
    "at 5 x the generator sent 40000 of 50000 datagrams, expected at least 98 %: " +
      "this machine is too busy for this --capacity",
  );
});

test("judgeLoads() rejects figures with datagrams dropped by the kernel", () => {
  expect(judgeLoads([rowOf(1), rowOf(5, { kernelDrops: 1 })])[0]).toMatch(
    /^at 5 x the kernel dropped 1 datagrams, expected none/,
  );
});

test("judgeLoads() rejects a goodput that falls at the highest load", () => {
  expect(judgeLoads([rowOf(5, { inTime: 8000 }), rowOf(1)])).toEqual([
    "goodput at the highest load is 80 % of the best, expected at least 90 %",
  ]);
  expect(judgeLoads([rowOf(5, { inTime: 0 })])).not.toEqual([]);
});

/** Rows with the given memory in MiB; `last` overrides fields of the last row. */
function memoryRows(rss: readonly number[], last: Partial<MemoryRow> = {}): MemoryRow[] {
  const rows = rss.map((rssMiB, at) => ({ answered: at + 1, rssMiB }));
  return [...rows.slice(0, -1), { ...rows.at(-1)!, ...last }];
}

test("judgeMemory() accepts memory that stays constant after the first fifth", () => {
  expect(judgeMemory(memoryRows([100, 150, 140, 150, 160, 150, 155, 150, 160, 160]))).toEqual([]);
});

test("judgeMemory() rejects growing memory, and a run without answers", () => {
  const growing = [100, 110, 120, 130, 140, 150, 160, 170, 180, 190];
  expect(judgeMemory(memoryRows(growing))[0]).toMatch(/^the relay holds 190 MiB at the end/);
  const flat = growing.map(() => 100);
  expect(judgeMemory(memoryRows(flat, { answered: 0 }))).toEqual([
    "the generator got no answer: nothing was relayed",
  ]);
});
