/**
 * The time since the machine booted, to about a millisecond. It can't be set, and it counts while the machine sleeps.
 *
 * `os.uptime()` has this time, but in steps: 10 ms on Linux, whole seconds elsewhere and in Deno. The monotonic clock is
 * fine, but it stops while the machine sleeps. Their difference is constant as long as the machine is awake, and
 * each pair of readings gives a range for it. So the ranges are intersected, which narrows them. If a range has nothing
 * in common with those before it, the machine slept, and the narrowing begins again.
 *
 * @module
 */
import { uptime } from "node:os";
import { bootClockSpinMs } from "../../limits.ts";

/** Where the difference between the time since boot and the monotonic clock lies, in milliseconds. */
export interface DifferenceRange {
  readonly low: number;
  readonly high: number;
}

/** A reading of the time since boot, between two readings of the monotonic clock. All are milliseconds. */
export interface UptimeReading {
  readonly beforeMs: number;
  /** Rounded down to a multiple of the step. */
  readonly uptimeMs: number;
  readonly afterMs: number;
}

/**
 * Narrows a range by one more reading.
 *
 * @param known The range by the readings so far; undefined before the first.
 * @param stepMs Step of the time since boot, in milliseconds.
 * @returns The common part of both ranges, or only that of the reading if they have nothing in common.
 */
export function narrowDifference(
  known: DifferenceRange | undefined,
  { beforeMs, uptimeMs, afterMs }: UptimeReading,
  stepMs: number,
): DifferenceRange {
  const read = { low: uptimeMs - afterMs, high: uptimeMs + stepMs - beforeMs };
  if (known === undefined) return read;
  const both = { low: Math.max(known.low, read.low), high: Math.min(known.high, read.high) };
  return both.low <= both.high ? both : read;
}

/** What {@link createBootClock} reads. */
export interface BootClockSource {
  /** Milliseconds since boot, rounded down to a multiple of the step. */
  readonly uptimeMs: () => number;
  readonly stepMs: number;
  /** Milliseconds of a monotonic clock. */
  readonly monotonicMs: () => number;
}

/** @returns A clock: milliseconds since boot. */
export function createBootClock({ uptimeMs, stepMs, monotonicMs }: BootClockSource): () => number {
  let range: DifferenceRange | undefined;
  return () => {
    const beforeMs = monotonicMs();
    const reading = { beforeMs, uptimeMs: uptimeMs(), afterMs: monotonicMs() };
    range = narrowDifference(range, reading, stepMs);
    return reading.afterMs + (range.low + range.high) / 2;
  };
}

/**
 * Measures the step of the time since boot, and narrows the range of the clock meanwhile. It takes
 * {@link bootClockSpinMs}.
 *
 * @returns The clock of this machine: milliseconds since boot.
 */
export function openBootClock(): () => number {
  const uptimeMs = (): number => Math.round(uptime() * 1000);
  const monotonicMs = (): number => performance.now();
  const end = monotonicMs() + bootClockSpinMs;
  let stepMs = wholeSecondMs;
  while (monotonicMs() < end && stepMs === wholeSecondMs) {
    if (uptimeMs() % wholeSecondMs !== 0) stepMs = linuxStepMs;
  }
  const clock = createBootClock({ uptimeMs, stepMs, monotonicMs });
  while (monotonicMs() < end) clock();
  return clock;
}

const wholeSecondMs = 1000;

/** `/proc/uptime` has two decimal places. */
const linuxStepMs = 10;
