import { expect, test, vi } from "vitest";
import { createLoadCounts } from "../load/result.ts";
import { watchLoad } from "./load-progress.ts";

const counts = createLoadCounts();
const begin = { elapsedMs: 0, offers: 0, done: 0, inFlight: 2, counts };

test("watchLoad() reports the progress in lines at the given interval", () => {
  const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const watch = watchLoad("renew", 10_000);
  for (const elapsedMs of [5000, 10_000, 15_000, 20_500])
    watch({ ...begin, elapsedMs, done: elapsedMs / 10 });
  const lines = written.mock.calls.map(([line]) => line);
  written.mockRestore();
  expect(lines).toEqual([
    "10 s  renew: 1000 done, 100 a second, 2 in flight, 0 without an answer, 0 NAKs\n",
    "21 s  renew: 2050 done, 100 a second, 2 in flight, 0 without an answer, 0 NAKs\n",
  ]);
});

test("watchLoad() ends a load that only meets closed ports, but not one that got an OFFER", () => {
  const watch = watchLoad("dora", undefined);
  const closed = { ...begin, counts: { ...counts, socketErrors: 1 } };
  expect([watch(begin), watch(closed), watch({ ...closed, offers: 1 })]).toEqual([true, false, true]);
});
