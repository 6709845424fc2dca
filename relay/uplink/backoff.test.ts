import { expect, test } from "vitest";
import { pauseAfterFailure } from "./backoff.ts";

test.each([
  [1, 100, 200],
  [2, 200, 400],
  [3, 400, 800],
  [4, 800, 1600],
  [5, 1000, 2000],
  [1000, 1000, 2000],
])("pauseAfterFailure() spreads the pause after failure %i over %i..%i ms", (failures, minMs, maxMs) => {
  expect(pauseAfterFailure(failures, undefined, 0)).toBe(minMs);
  expect(pauseAfterFailure(failures, undefined, 0.5)).toBe((minMs + maxMs) / 2);
  expect(pauseAfterFailure(failures, undefined, 1 - 2 ** -53)).toBeCloseTo(maxMs);
});

test.each([
  [3000, 3000],
  [0, 100],
  [86_400_000, 30_000],
])("pauseAfterFailure() bounds Retry-After %i ms to %i ms", (retryAfterMs, pauseMs) => {
  expect(pauseAfterFailure(7, retryAfterMs, 0.9)).toBe(pauseMs);
});
