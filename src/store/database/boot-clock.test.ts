import fc from "fast-check";
import { expect, test } from "vitest";
import { createBootClock, narrowDifference, openBootClock } from "./boot-clock.ts";

/** A machine that was up for a time before the monotonic clock began; readings take no time. */
function fakeSource(stepMs: number, aheadMs: number) {
  const world = { monotonicMs: 0, aheadMs };
  const truth = () => world.monotonicMs + world.aheadMs;
  const clock = createBootClock({
    stepMs,
    uptimeMs: () => Math.floor(truth() / stepMs) * stepMs,
    monotonicMs: () => world.monotonicMs,
  });
  return { world, truth, clock };
}

test("createBootClock() is off by half a step at most, and by less with each reading", () => {
  const { world, truth, clock } = fakeSource(10, 123_456.7);
  expect(Math.abs(clock() - truth())).toBeLessThanOrEqual(5);
  for (let reading = 0; reading < 40; reading++) {
    world.monotonicMs += 3.3;
    clock();
  }
  expect(Math.abs(clock() - truth())).toBeLessThan(0.5);
});

test("T9 createBootClock() counts the time for which the machine slept", () => {
  const { world, truth, clock } = fakeSource(10, 1000);
  for (let reading = 0; reading < 40; reading++) {
    world.monotonicMs += 3.3;
    clock();
  }
  world.aheadMs += 7_200_000;
  expect(Math.abs(clock() - truth())).toBeLessThanOrEqual(5);
});

test("createBootClock() is never off by more than a step, however often it is read and the machine sleeps", () => {
  const event = fc.record({
    passes: fc.double({ min: 0, max: 5000, noNaN: true }),
    sleeps: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true })),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(10, 1000),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.array(event),
      (stepMs, aheadMs, events) => {
        const { world, truth, clock } = fakeSource(stepMs, aheadMs);
        for (const { passes, sleeps } of events) {
          world.monotonicMs += passes;
          world.aheadMs += sleeps;
          expect(Math.abs(clock() - truth())).toBeLessThanOrEqual(stepMs);
        }
      },
    ),
  );
});

test("two processes of one machine agree once they have read the clock some times", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (aheadMs) => {
      const [one, other] = [fakeSource(10, aheadMs), fakeSource(10, aheadMs)];
      for (let reading = 0; reading < 100; reading++) {
        one.world.monotonicMs += 1.7;
        other.world.monotonicMs += 2.3;
        one.clock();
        other.clock();
      }
      expect(Math.abs(one.clock() - one.truth() - (other.clock() - other.truth()))).toBeLessThanOrEqual(1);
    }),
  );
});

test("narrowDifference() begins anew when a reading has nothing in common with those before", () => {
  const first = narrowDifference(undefined, { beforeMs: 1, uptimeMs: 100, afterMs: 2 }, 10);
  expect(first).toEqual({ low: 98, high: 109 });
  const second = narrowDifference(first, { beforeMs: 11, uptimeMs: 110, afterMs: 11 }, 10);
  expect(second).toEqual({ low: 99, high: 109 });
  expect(narrowDifference(second, { beforeMs: 20, uptimeMs: 200, afterMs: 20 }, 10)).toEqual({
    low: 180,
    high: 190,
  });
});

test("openBootClock() goes forward with the monotonic clock", () => {
  const clock = openBootClock();
  const [first, begin] = [clock(), performance.now()];
  const [second, end] = [clock(), performance.now()];
  expect(first).toBeGreaterThan(0);
  expect(second - first).toBeLessThanOrEqual(end - begin + 20);
});
