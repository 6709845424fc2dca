import fc from "fast-check";
import { expect, test } from "vitest";
import { RateLimiter } from "./rate-limiter.ts";

const limits = { sourceRate: 10, sourceBurst: 3, sources: 100 };

test("RateLimiter admits a burst, and after that only what the rate allows", () => {
  const limiter = new RateLimiter(limits);
  const admitted = [0, 0, 0, 0, 99, 100, 100, 200, 1000, 1000, 1000, 1000].map((ms) =>
    limiter.admits("a", ms),
  );
  expect(admitted).toEqual([
    ...[true, true, true, false], // the burst
    ...[false, true, false, true], // one every 100 ms
    ...[true, true, true, false], // the burst again
  ]);
});

test("RateLimiter limits each source separately", () => {
  const limiter = new RateLimiter({ ...limits, sourceBurst: 1 });
  expect([limiter.admits("a", 0), limiter.admits("b", 0), limiter.admits("a", 0)]).toEqual([
    true,
    true,
    false,
  ]);
});

test("RateLimiter has no limit for a trusted source, nor for any source at rate 0", () => {
  const limited = new RateLimiter({ ...limits, sourceBurst: 1 });
  const unlimited = new RateLimiter({ ...limits, sourceRate: 0 });
  for (let turn = 0; turn < 100; turn++) {
    expect(limited.admits(undefined, 0)).toBe(true);
    expect(unlimited.admits("a", 0)).toBe(true);
  }
  expect([limited.sources, unlimited.sources]).toEqual([0, 0]);
});

test("RateLimiter keeps its table of sources bounded, and forgets the oldest source", () => {
  const limiter = new RateLimiter({ ...limits, sourceBurst: 1, sources: 2 });
  for (const source of ["a", "b", "c"]) expect(limiter.admits(source, 0)).toBe(true);
  expect(limiter.sources).toBe(2);
  expect([limiter.admits("c", 0), limiter.admits("b", 0), limiter.admits("a", 0)]).toEqual([
    ...[false, false, true],
  ]);
});

test("RateLimiter never admits more in any interval than burst and rate together allow", () => {
  fc.assert(
    fc.property(
      fc.record({
        sourceRate: fc.integer({ min: 1, max: 1000 }),
        sourceBurst: fc.integer({ min: 1, max: 50 }),
      }),
      fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 200 }),
      (rates, gapsMs) => {
        const limiter = new RateLimiter({ ...rates, sources: 1 });
        const passedMs: number[] = [];
        let nowMs = 0;
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          if (limiter.admits("a", nowMs)) passedMs.push(nowMs);
        }
        for (const [index, sinceMs] of passedMs.entries()) {
          const seconds = (passedMs.at(-1)! - sinceMs) / 1000;
          const allowed = rates.sourceBurst + seconds * rates.sourceRate;
          expect(passedMs.length - index).toBeLessThanOrEqual(allowed + 0.01);
        }
      },
    ),
  );
});
