import fc from "fast-check";
import { expect, test } from "vitest";
import { isStep } from "../database/clock-step.ts";
import { doubtAt, doubtfulSpans } from "./clock-doubt.ts";
import type { DoubtfulStep } from "./clock-doubt.ts";

const step = (since: number, seconds: number, settledAt: number | null): DoubtfulStep => ({
  since,
  differenceMs: seconds * 1000,
  settledAt,
});

/** Whether each time is in doubt, and at which other times to look. */
const doubts = (latestFirst: readonly DoubtfulStep[], ...times: number[]) =>
  times.map((at) => {
    const { isInDoubt, otherTimes } = doubtAt(doubtfulSpans(latestFirst), at, 0);
    return isInDoubt ? otherTimes : "sure";
  });

test("without a step, no time is in doubt", () => {
  expect(doubts([], 0, 1e9)).toEqual(["sure", "sure"]);
});

test("T9 a clock that was set back had some times twice, and both are in doubt", () => {
  const back = [step(10_000, -5000, 11_000)];
  expect(doubts(back, 4998, 4999, 5500, 6001, 6002)).toEqual(["sure", [9999], [10_500], [11_001], "sure"]);
  expect(doubts(back, 9998, 9999, 10_500, 11_001, 11_002)).toEqual(["sure", [], [], [], "sure"]);
});

test("T9 a clock that was set forward skipped some times, and they are in doubt too", () => {
  const forward = [step(10_000, 5000, 11_000)];
  expect(doubts(forward, 9998, 10_500, 13_000, 15_500, 16_001, 16_002)).toEqual([
    "sure",
    [],
    [],
    [10_500],
    [11_001],
    "sure",
  ]);
});

test("T9 while a step is open, all times since the clock was set are in doubt", () => {
  expect(doubts([step(10_000, 3000, null)], 9998, 10_500, 13_500, 1e9)).toEqual([
    "sure",
    [],
    [10_500],
    [1e9 - 3000],
  ]);
});

test("what the first of three clocks showed is related to the third by both steps", () => {
  const twice = [step(6000, 100, 7000), step(10_000, -5000, 11_000)];
  // 5,500 by the third clock is 5,400 by the second, or 10,400 by the first.
  expect(doubts(twice, 5500)).toEqual([[10_500, 10_400]]);
  const rebooted = [step(6500, 100, 7000), step(10_000, -5000, 11_000)];
  expect(doubts(rebooted, 5500)).toEqual([[10_500]]);
});

test("T9 a step by a part of a second too: each instant that may be meant is looked at", () => {
  const steps = fc.integer({ min: -1e7, max: 1e7 }).filter((ms) => isStep(ms));
  const offsets = fc.integer({ min: 0, max: 999_999 });
  fc.assert(
    fc.property(steps, offsets, fc.boolean(), (differenceMs, offsetMs, isOpen) => {
      const [since, settledAt] = [100_000, 101_000];
      const spans = doubtfulSpans([{ since, differenceMs, settledAt: isOpen ? null : settledAt }]);
      // The file's clock showed one time when a client held the pair; by the other clock it was another time.
      const fileMs = since * 1000 + offsetMs;
      const at = Math.floor((fileMs + differenceMs) / 1000);
      const { isInDoubt, otherTimes } = doubtAt(spans, at, 0);
      expect(isInDoubt).toBe(true);
      expect(otherTimes).toContain(Math.floor(fileMs / 1000));
    }),
  );
});

test("the tolerance of a question reaches into times that are in doubt", () => {
  const spans = doubtfulSpans([step(10_000, -5000, 11_000)]);
  expect(doubtAt(spans, 4990, 8).isInDoubt).toBe(false);
  expect(doubtAt(spans, 4990, 9)).toEqual({ isInDoubt: true, otherTimes: [9990] });
});
