import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLatencies, percentile } from "./latencies.ts";

describe("createLatencies()", () => {
  test("gives exact percentiles of values added in any order", () => {
    const latencies = createLatencies(200);
    for (let ms = 100; ms >= 1; ms--) latencies.add(ms);
    expect(latencies.summary()).toEqual({
      count: 100,
      minMs: 1,
      meanMs: 50.5,
      p50Ms: 50,
      p90Ms: 90,
      p99Ms: 99,
      maxMs: 100,
    });
  });

  test("summarizes an empty collection as zeros", () => {
    expect(createLatencies(5).summary()).toEqual({
      count: 0,
      minMs: 0,
      meanMs: 0,
      p50Ms: 0,
      p90Ms: 0,
      p99Ms: 0,
      maxMs: 0,
    });
  });

  test("takes more values than were expected", () => {
    const latencies = createLatencies(1);
    for (const ms of [3, 1, 2, 5, 4]) latencies.add(ms);
    expect(latencies.summary()).toMatchObject({ count: 5, p50Ms: 3, maxMs: 5 });
  });
});

test("percentile() is the smallest value that the given share of values does not exceed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 100 }),
      (values, percent) => {
        const found = percentile(Float64Array.from(values).sort(), percent);
        const share = (limit: number) => values.filter((value) => value <= limit).length / values.length;
        expect(share(found)).toBeGreaterThanOrEqual(percent / 100);
        expect(values.filter((value) => value < found).length / values.length).toBeLessThan(percent / 100);
      },
    ),
  );
});
