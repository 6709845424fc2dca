/**
 * Long work in steps: a generator that yields where the caller may pause. A command runs it at once; an allocator lets
 * other requests run in between.
 *
 * @module
 */
import { poolSliceItems } from "../limits.ts";

/** Converts a list in steps of a few items. */
export function* mapInSteps<T, R>(items: readonly T[], convert: (item: T) => R): Generator<void, R[]> {
  const converted: R[] = [];
  for (const [index, item] of items.entries()) {
    converted.push(convert(item));
    if (index % poolSliceItems === 0) yield;
  }
  return converted;
}

/** Runs all steps without a pause. */
export function runAtOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/**
 * Runs all steps, and pauses whenever they have taken long enough.
 *
 * @param sliceMs Milliseconds after which to pause.
 * @param clockMs Milliseconds of any monotonic clock.
 * @param pause Lets other work run.
 */
export async function runInSlices<T>(
  work: Generator<void, T>,
  sliceMs: number,
  clockMs: () => number,
  pause: () => Promise<void>,
): Promise<T> {
  for (let begin = clockMs(); ;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (clockMs() - begin < sliceMs) continue;
    await pause();
    begin = clockMs();
  }
}
