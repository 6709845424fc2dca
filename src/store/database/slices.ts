/**
 * Splits long work into slices. Statements on a database file run on the event loop, and awaiting them does not yield.
 * So work with many statements yields to the event loop between them.
 *
 * @module
 */
import { runInSlices } from "../../declaration/steps.ts";
import { workSliceMs } from "../../limits.ts";

/** Waits until other pending work of the event loop has run. */
export async function yieldToEventLoop(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Runs long work in steps, and lets other work of the event loop run in between. */
export function inSlices<T>(work: Generator<void, T>): Promise<T> {
  return runInSlices(work, workSliceMs, () => performance.now(), yieldToEventLoop);
}

/** Bounds on the number of rows in a slice. */
export interface SliceRows {
  readonly first: number;
  readonly min: number;
  readonly max: number;
}

/** Decides how many rows the next slice reads. */
export interface SliceSizer {
  readonly rows: () => number;
  /** Runs a small query first, to measure the round trip to the database. */
  readonly measure: <T>(query: () => Promise<T>) => Promise<T>;
  /** Runs a slice, and sizes the next one by the time that it took. */
  readonly run: <T>(slice: () => Promise<T>) => Promise<T>;
}

/**
 * Adapts the size of slices to the speed of the database, which is not known in advance: reading a row takes a few
 * microseconds from memory, and a hundred times as long from a disk. A slice has at most twice the rows of the previous
 * one, and fewer rows if the previous one was too slow. The round trip to the database is not counted: it does not
 * block the event loop, and fewer rows would not shorten it.
 *
 * @param targetMs Target duration of a slice, in milliseconds.
 * @param clockMs Milliseconds of any monotonic clock.
 */
export function createSliceSizer(
  { first, min, max }: SliceRows,
  targetMs: number,
  clockMs: () => number,
): SliceSizer {
  let [rows, roundTripMs] = [first, Infinity];
  const timed = async <T>(work: () => Promise<T>): Promise<{ result: T; tookMs: number }> => {
    const begin = clockMs();
    const result = await work();
    const tookMs = clockMs() - begin;
    roundTripMs = Math.min(roundTripMs, tookMs);
    return { result, tookMs };
  };
  return {
    rows: () => rows,
    measure: async (query) => (await timed(query)).result,
    run: async (slice) => {
      const { result, tookMs } = await timed(slice);
      const factor = Math.min(2, targetMs / (tookMs - roundTripMs));
      rows = Math.min(max, Math.max(min, Math.floor(rows * factor)));
      return result;
    },
  };
}
