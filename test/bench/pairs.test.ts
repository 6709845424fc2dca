import { expect, test } from "vitest";
import { formatLoad, formatPairReport } from "./pair-report.ts";
import { comparePairs, faultsOf, judgePairs, median, orderOf, runPairs } from "./pairs.ts";
import type { Pair } from "./pairs.ts";
import type { Round, RoundOptions } from "./round.ts";
import type { SideName } from "./side.ts";

/** Figures of a round of 1000 exchanges. */
interface Figures {
  readonly rate?: number;
  readonly allocatorCpu?: number;
  readonly relayCpu?: number;
  readonly generatorCpu?: number;
  readonly p99Ms?: number;
  readonly timeouts?: number;
  readonly unfinished?: number;
  readonly violations?: readonly string[];
}

function roundOf(figures: Figures = {}): Round {
  const { rate = 1000, allocatorCpu = 1, relayCpu = 1, generatorCpu = 1, p99Ms = 10 } = figures;
  const { timeouts = 0, unfinished = 0, violations = [] } = figures;
  const latency = { count: 1000, minMs: 1, meanMs: 5, p50Ms: 5, p90Ms: p99Ms, p99Ms, maxMs: 20 };
  return {
    exchangesPerSecond: rate,
    elapsedSeconds: 1000 / rate,
    offer: latency,
    ack: latency,
    exchange: latency,
    counts: {
      retransmits: 0,
      naks: 0,
      timeouts,
      withoutOffer: 0,
      unfinished,
      ignored: 0,
      moved: 0,
      lost: 0,
      socketErrors: 0,
    },
    processes: {
      allocator: { cpuSeconds: allocatorCpu, peakMiB: 100 },
      relay: { cpuSeconds: relayCpu, peakMiB: 100 },
      generator: { cpuSeconds: generatorCpu, peakMiB: 100 },
    },
    framesPerPost: 10,
    databaseRequestsPerPost: 0,
    dropped: {},
    violations,
  };
}

const pairOf = (one: Figures, two: Figures): Pair => ({
  first: "this",
  this: roundOf(one),
  other: roundOf(two),
});

test("orderOf() alternates the side that is measured first", () => {
  expect([0, 1, 2, 3].map(orderOf)).toEqual([
    ["this", "other"],
    ["other", "this"],
    ["this", "other"],
    ["other", "this"],
  ]);
});

test("runPairs() measures one round at a time and assigns each round to its side", async () => {
  const begun: SideName[] = [];
  const reported: Pair[] = [];
  let running = 0;
  const pairs = await runPairs(
    3,
    async (side) => {
      expect(++running).toBe(1);
      begun.push(side);
      await new Promise(setImmediate);
      running--;
      return roundOf({ rate: side === "this" ? 2000 : 1000 });
    },
    (pair) => reported.push(pair),
  );
  expect(begun).toEqual(["this", "other", "other", "this", "this", "other"]);
  expect(pairs.map(({ first }) => first)).toEqual(["this", "other", "this"]);
  expect(pairs.map((pair) => [pair.this.exchangesPerSecond, pair.other.exchangesPerSecond])).toEqual(
    [0, 1, 2].map(() => [2000, 1000]),
  );
  expect(reported).toEqual(pairs);
});

test.each([
  { values: [3], expected: 3 },
  { values: [3, 1], expected: 2 },
  { values: [10, 2, 9], expected: 9 },
  { values: [10, 2, 9, 100], expected: 9.5 },
])("median() of $values is $expected", ({ values, expected }) => {
  expect(median(values)).toBe(expected);
});

test("comparePairs() computes ratios within pairs, not of medians", () => {
  // The machine was ten times as fast during the second pair. This side is twice as fast in every pair.
  const comparison = comparePairs([
    pairOf({ rate: 200 }, { rate: 100 }),
    pairOf({ rate: 2000 }, { rate: 1000 }),
    pairOf({ rate: 500 }, { rate: 250 }),
  ]);
  expect(comparison[0]).toEqual({
    metric: "exchanges/s",
    this: 500,
    other: 250,
    ratio: { median: 2, min: 2, max: 2, all: [2, 2, 2] },
  });
});

test("comparePairs() compares CPU time per exchange and memory of each process, and the p99", () => {
  const [one, two] = [
    { allocatorCpu: 0.5, relayCpu: 0.3, generatorCpu: 0.2, p99Ms: 20 },
    { allocatorCpu: 1, relayCpu: 0.2, generatorCpu: 0.2, p99Ms: 10 },
  ];
  const rows = comparePairs([pairOf(one, two), pairOf(one, one)]);
  expect(rows.map((row) => [row.metric, row.this, row.other, row.ratio?.median])).toEqual([
    ["exchanges/s", 1000, 1000, 1],
    ["allocator CPU us/exchange", 500, 750, 0.75],
    ["relay CPU us/exchange", 300, expect.closeTo(250), expect.closeTo(1.25)],
    ["generator CPU us/exchange", 200, 200, 1],
    ["p99 ms", 20, 15, 1.5],
    ["allocator peak MiB", 100, 100, 1],
    ["relay peak MiB", 100, 100, 1],
  ]);
  expect(rows[4]!.ratio).toMatchObject({ min: 1, max: 2, all: [2, 1] });
});

test.each([
  { what: "0 / 0", one: 0, two: 0 },
  { what: "1 / 0", one: 1, two: 0 },
  { what: "0 / 1", one: 0, two: 1 },
  { what: "NaN / 1", one: Number.NaN, two: 1 },
])("comparePairs() has no ratio when that of one pair is $what", ({ one, two }) => {
  const rows = comparePairs([pairOf({}, {}), pairOf({ relayCpu: one }, { relayCpu: two })]);
  expect(rows.filter(({ ratio }) => ratio === undefined).map(({ metric }) => metric)).toEqual([
    "relay CPU us/exchange",
  ]);
});

test.each<{ figures: Figures; faults: readonly string[] }>([
  { figures: {}, faults: [] },
  { figures: { rate: 1, p99Ms: 60_000 }, faults: [] },
  { figures: { violations: ["clients 7 and 8 both hold"] }, faults: ["clients 7 and 8 both hold"] },
  { figures: { timeouts: 2 }, faults: ["2 exchanges got no answer to any try"] },
  { figures: { unfinished: 3 }, faults: ["3 clients were unfinished at the time limit"] },
])("faultsOf() of a round with $figures returns $faults", ({ figures, faults }) => {
  expect(faultsOf(roundOf(figures))).toEqual(faults);
});

test("judgePairs() names the pair and the side", () => {
  expect(judgePairs([pairOf({}, {}), pairOf({ violations: ["a"] }, { violations: ["b", "c"] })])).toEqual([
    "pair 2, this: a",
    "pair 2, other: b",
    "pair 2, other: c",
  ]);
});

const load: RoundOptions = {
  clients: 1000,
  warmUpClients: 100,
  inFlight: 16,
  mode: "dora",
  isShared: true,
  servers: 0,
  isDistant: false,
  relayFlags: [],
  profileFolder: undefined,
};

test.each<{ changed: Partial<RoundOptions>; expected: string }>([
  { changed: {}, expected: "dora, 1000 clients after 100 others, 16 in flight, shared addresses, a file" },
  {
    changed: { mode: "renew", servers: 1, isDistant: true, relayFlags: ["--posts-in-flight=1"] },
    expected:
      "renew, 1000 clients after 100 others, 16 in flight, shared addresses, 1 libSQL server at a distance, relay --posts-in-flight=1",
  },
  {
    changed: { isShared: false, servers: 2 },
    expected: "dora, 1000 clients after 100 others, 16 in flight, full addresses, 2 libSQL servers",
  },
])("formatLoad() of $changed", ({ changed, expected }) => {
  expect(formatLoad({ ...load, ...changed })).toBe(expected);
});

test("formatPairReport() shows machine, sides, load, the table and faults", () => {
  const commit = "74b74cdb26f5dfc49b440f2f15ec3a32b14d0666";
  const pairs = [
    pairOf({ rate: 6000.4, p99Ms: 90 }, { rate: 5000, p99Ms: 100 }),
    pairOf({ relayCpu: 0 }, {}),
  ];
  const lines = formatPairReport({
    command: "npm run bench -- --against /before --pairs 2",
    machine: { cpu: "CPU", cores: 2, memoryGiB: 24, node: "v20.20.2", system: "linux x64" },
    sides: {
      this: { folder: "/here", revision: { name: "v1.0-3-g74b74cd", commit, isDirty: true } },
      other: { folder: "/before", revision: undefined },
    },
    load,
    pairs,
    comparison: comparePairs(pairs),
    faults: ["pair 1, this: a"],
  });
  expect(lines).toEqual([
    "npm run bench -- --against /before --pairs 2",
    "CPU, 2 cores, 24 GiB, linux x64, node v20.20.2",
    "",
    "this   /here, v1.0-3-g74b74cd, commit 74b74cdb26f5, DIRTY",
    "other  /before, no git repository",
    "load   dora, 1000 clients after 100 others, 16 in flight, shared addresses, a file",
    "pairs  2; a ratio is this/other within one pair",
    "",
    "metric                     this (median)  other (median)  ratio median      (min-max)",
    "exchanges/s                         3500            3000         1.100  (1.000-1.200)",
    "allocator CPU us/exchange           1000            1000         1.000  (1.000-1.000)",
    "relay CPU us/exchange              500.0            1000             -               ",
    "generator CPU us/exchange           1000            1000         1.000  (1.000-1.000)",
    "p99 ms                              50.0            55.0         0.950  (0.900-1.000)",
    "allocator peak MiB                 100.0           100.0         1.000  (1.000-1.000)",
    "relay peak MiB                     100.0           100.0         1.000  (1.000-1.000)",
    "",
    "1 FAULTS:",
    "  pair 1, this: a",
  ]);
});
