/**
 * Long work in slices. An embedded database runs its statements on the event loop, and awaiting them lets nobody else
 * run: so work of many statements has to make room for the others itself.
 *
 * @module
 */
import type { InValue } from "@libsql/client";

/** Lets everything run that waits for the event loop. */
export async function letOthersRun(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Bounds of the rows of a slice. */
export interface SliceRows {
  readonly first: number;
  readonly min: number;
  readonly max: number;
}

/** Says how many rows the next slice is to look at. */
export interface SliceSizer {
  readonly rows: () => number;
  /** Asks something small first: the time that it takes is the way to the database and back. */
  readonly ask: <T>(question: () => Promise<T>) => Promise<T>;
  /** Runs a slice, and goes by the time that it takes. */
  readonly run: <T>(slice: () => Promise<T>) => Promise<T>;
}

/**
 * Fits slices to the speed of the database, which nobody knows before: a row costs some microseconds in memory, and a
 * hundred times that on a disk. A slice has at most twice the rows of the one before it, and fewer at once when that
 * one was too slow. The way to the database is not counted: it holds nobody up, and fewer rows would not shorten it.
 *
 * @param targetMs Milliseconds that a slice is meant to take.
 * @param clockMs Milliseconds of any clock that goes forward.
 */
export function createSliceSizer(
  { first, min, max }: SliceRows,
  targetMs: number,
  clockMs: () => number,
): SliceSizer {
  let [rows, wayMs] = [first, Infinity];
  const timed = async <T>(work: () => Promise<T>): Promise<{ result: T; tookMs: number }> => {
    const begin = clockMs();
    const result = await work();
    const tookMs = clockMs() - begin;
    wayMs = Math.min(wayMs, tookMs);
    return { result, tookMs };
  };
  return {
    rows: () => rows,
    ask: async (question) => (await timed(question)).result,
    run: async (slice) => {
      const { result, tookMs } = await timed(slice);
      const factor = Math.min(2, targetMs / (tookMs - wayMs));
      rows = Math.min(max, Math.max(min, Math.floor(rows * factor)));
      return result;
    },
  };
}

/** @returns The values that a statement mentions, whole numbers as such: SQLite refuses others, and takes numbers for floating point. */
export function argumentsOf(
  sql: string,
  values: Readonly<Record<string, number | string | Uint8Array | null>>,
): Record<string, InValue> {
  const names = [...new Set([...sql.matchAll(/:([a-zA-Z]+)/g)].map((match) => match[1]!))];
  return Object.fromEntries(
    names.map((name) => {
      const value = values[name];
      if (value === undefined) throw new TypeError(`Cannot run a statement: found no value for :${name}`);
      return [name, typeof value === "number" ? BigInt(value) : value];
    }),
  );
}
