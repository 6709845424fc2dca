/**
 * Crashes at every step of a transaction: a process ends before it sends one, while the database works, or when the
 * answer is there and nothing was done with it yet.
 *
 * @module
 */
import type { Database } from "../../src/store/database/database.ts";

/** Where a process ends. */
export const crashPoints = ["before the transaction", "in the transaction", "after the transaction"] as const;
export type CrashPoint = (typeof crashPoints)[number];

/** How a process is made to end. */
export interface Crashes {
  /** @returns Where it ends at this transaction; undefined if it does not. */
  readonly next: () => CrashPoint | undefined;
  /** Ends the process at once. */
  readonly crash: () => void;
  /** Ends it while the transaction is on its way. */
  readonly crashSoon: () => void;
}

/** What nobody waits for any more. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** Wraps a database so that its process may end at a write. */
export function withCrashPoints(database: Database, { next, crash, crashSoon }: Crashes): Database {
  return {
    ...database,
    write: async (statements) => {
      const point = next();
      if (point === "before the transaction") {
        crash();
        return never();
      }
      if (point === "in the transaction") crashSoon();
      const results = await database.write(statements);
      if (point === "after the transaction") {
        crash();
        return never();
      }
      return results;
    },
  };
}
