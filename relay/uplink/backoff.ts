/**
 * How long to wait before a failed allocator is probed again.
 *
 * @module
 */
import { relayPauseMsMax, relayPauseMsMin, relayRetryAfterMsMax } from "../../src/limits.ts";

/**
 * Computes the pause after a failed POST: what the allocator requested, else twice the last pause, with jitter so that
 * many relays do not return at the same instant.
 *
 * @param failures Failures in a row, including this one: 1 or more.
 * @param retryAfterMs Retry-After of the allocator, in milliseconds.
 * @param random From 0 up to, but not including, 1.
 * @returns Milliseconds. Without Retry-After: from half of the ceiling up to the ceiling, which doubles from 200 ms to
 *   2 s.
 */
export function pauseAfterFailure(
  failures: number,
  retryAfterMs: number | undefined,
  random: number,
): number {
  if (retryAfterMs !== undefined) {
    return Math.min(Math.max(retryAfterMs, relayPauseMsMin), relayRetryAfterMsMax);
  }
  const ceilingMs = Math.min(relayPauseMsMin * 2 ** failures, relayPauseMsMax);
  return (ceilingMs / 2) * (1 + random);
}
