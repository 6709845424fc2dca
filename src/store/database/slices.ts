/**
 * Long work in slices. A database file runs its statements on the event loop, and awaiting them lets nothing else run.
 * So work of many statements yields to the event loop between them.
 *
 * @module
 */

/** Lets everything run that waits for the event loop. */
export async function yieldToEventLoop(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Bounds of the rows of a slice. */
export interface SliceRows {
  readonly first: number;
  readonly min: number;
  readonly max: number;
}

/** Decides how many rows the next slice looks at. */
export interface SliceSizer {
  readonly rows: () => number;
  /** Runs a small question first, to measure the round trip to the database. */
  readonly ask: <T>(question: () => Promise<T>) => Promise<T>;
  /** Runs a slice, and sizes the next one by the time that this one takes. */
  readonly run: <T>(slice: () => Promise<T>) => Promise<T>;
}

/**
 * Fits slices to the speed of the database, which is not known beforehand: a row costs some microseconds in memory, and
 * a hundred times that on a disk. A slice has at most twice the rows of the one before it, and fewer at once when that
 * one was too slow. The round trip to the database does not count: it does not block the event loop, and fewer rows
 * would not shorten it.
 *
 * @param targetMs Milliseconds that a slice is meant to take.
 * @param clockMs Milliseconds of any clock that goes forward.
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
    ask: async (question) => (await timed(question)).result,
    run: async (slice) => {
      const { result, tookMs } = await timed(slice);
      const factor = Math.min(2, targetMs / (tookMs - roundTripMs));
      rows = Math.min(max, Math.max(min, Math.floor(rows * factor)));
      return result;
    },
  };
}
