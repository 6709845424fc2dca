import fc from "fast-check";
import { expect, test } from "vitest";
import { clockDriftRatioMax } from "../../src/limits.ts";
import { JudgingClock } from "./judging-clock.ts";

test("JudgingClock tells no time before its first reading", () => {
  const clock = new JudgingClock();
  expect(clock.earliestMs(5)).toBeUndefined();
  clock.record({ clockMs: 1000, sentMs: 5, answeredMs: 9 });
  expect([clock.earliestMs(9), clock.earliestMs(1)]).toEqual([1000, 991]);
});

test("JudgingClock keeps the reading that came back quickest", () => {
  const clock = new JudgingClock();
  clock.record({ clockMs: 1000, sentMs: 0, answeredMs: 2 });
  clock.record({ clockMs: 1010, sentMs: 8, answeredMs: 200 });
  expect(clock.earliestMs(200)).toBe(1197);
  clock.record({ clockMs: 1300, sentMs: 290, answeredMs: 301 });
  expect(clock.earliestMs(301)).toBe(1300);
});

test("JudgingClock follows a clock that was set back, and one that was set ahead", () => {
  const clock = new JudgingClock();
  clock.record({ clockMs: 8_000_000, sentMs: 0, answeredMs: 2 });
  clock.record({ clockMs: 1000, sentMs: 10, answeredMs: 12 });
  expect(clock.earliestMs(12)).toBe(1000);
  clock.record({ clockMs: 9_000_000, sentMs: 20, answeredMs: 22 });
  expect(clock.earliestMs(22)).toBe(9_000_000);
});

/** Two clocks that run at different rates, and readings that take any time. */
const anyHistory = fc.record({
  rate: fc.double({ min: 1 - clockDriftRatioMax, max: 1 + clockDriftRatioMax, noNaN: true }),
  offsetMs: fc.nat({ max: 2 ** 40 }),
  steps: fc.array(
    fc.record({
      pauseMs: fc.nat({ max: 3_600_000 }),
      thereMs: fc.nat({ max: 3000 }),
      backMs: fc.nat({ max: 3000 }),
    }),
    { minLength: 1, maxLength: 20 },
  ),
});

test("T4 JudgingClock never tells a later time than the clock showed, however it drifts", () => {
  fc.assert(
    fc.property(anyHistory, fc.nat({ max: 86_400_000 }), ({ rate, offsetMs, steps }, atMs) => {
      const clock = new JudgingClock();
      const shownMs = (localMs: number) => offsetMs + localMs * rate;
      let nowMs = 0;
      for (const { pauseMs, thereMs, backMs } of steps) {
        const sentMs = nowMs + pauseMs;
        const answeredMs = sentMs + thereMs + backMs;
        clock.record({ clockMs: Math.floor(shownMs(sentMs + thereMs)), sentMs, answeredMs });
        nowMs = answeredMs;
        expect(clock.earliestMs(atMs)).toBeLessThanOrEqual(Math.max(0, shownMs(atMs)));
      }
    }),
  );
});
