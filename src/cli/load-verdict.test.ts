import { expect, test } from "vitest";
import { createLoadCounts } from "../load/result.ts";
import { verdictOf } from "./load-verdict.ts";
import type { Judged } from "./load-verdict.ts";

const counts = createLoadCounts();
const none = { count: 0, minMs: 0, meanMs: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, maxMs: 0 };
const latencies = { offer: none, ack: none, exchange: none };
const overlap = { clients: [0, 1] as const, address: "192.0.2.1", port: 1024 };
const good: Judged = {
  server: "::1",
  port: 547,
  exchanges: 9,
  endedEarly: null,
  dropRatio: 0.5,
  latencies,
  counts,
  overlaps: [],
};

test.each<[string, Partial<Judged>, number, string | undefined]>([
  ["one that succeeded", {}, 0, undefined],
  ["an overlap", { overlaps: [overlap] }, 1, undefined],
  ["a renewal with another pair", { counts: { ...counts, moved: 1 } }, 1, undefined],
  ["NAKs beside ACKs", { counts: { ...counts, naks: 5 } }, 0, undefined],
  ["NAKs only", { exchanges: 0, counts: { ...counts, naks: 5 } }, 1, "found 5 NAKs and no ACK"],
  ["a signal before the first ACK", { exchanges: 0, endedEarly: "stopped" }, 1, "found a signal"],
  ["silence", { exchanges: 0, counts: { ...counts, ignored: 2 } }, 3, "no answer, and 2 datagrams"],
  ["a closed port", { exchanges: 0, counts: { ...counts, socketErrors: 1 } }, 3, "nobody listens"],
  [
    "OFFERs only",
    { exchanges: 0, latencies: { ...latencies, offer: { ...none, count: 3 } } },
    3,
    "found 3 OFFERs and no ACK",
  ],
])("a load with %s ends with its exit code", (_, change, exitCode, line) => {
  const verdict = verdictOf({ ...good, ...change });
  expect(verdict.exitCode).toBe(exitCode);
  if (line === undefined) expect(verdict.line).toBeUndefined();
  else expect(verdict.line).toContain(line);
});

test.each([
  [50, 0],
  [49.9, 1],
])("of 50 %% drops and --drops-max %f comes %i", (dropsMax, exitCode) => {
  expect(verdictOf(good, dropsMax).exitCode).toBe(exitCode);
});
