/**
 * Housekeeping: what has been kept long enough is deleted, by nobody's message. A platform's trigger calls for it once,
 * or a process that runs on does it by the clock.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";
import { allDatabases } from "../store/database/databases.ts";
import type { Databases } from "../store/database/databases.ts";
import { keepHouse } from "../store/evidence/retention.ts";
import type { HousekeepingOptions } from "../store/evidence/retention.ts";

/** What is kept for how long. */
type Kept = Pick<HousekeepingOptions, "historyDays" | "bindingLogDays" | "signal">;

/** The same, and how often that is looked at. */
export interface HousekeepingSettings extends Omit<Kept, "signal"> {
  /** Minutes from the end of one run to the next; 0 for never. */
  readonly everyMinutes: number;
}

/**
 * Deletes from all databases what has been kept long enough, and logs what it did. Safe to repeat, and to run in
 * several places at once.
 *
 * @throws {LibsqlError} When a database can't be reached; those before it are done.
 */
export async function keepAllHouses(databases: Databases, kept: Kept, log: Log): Promise<void> {
  for (const [database, client] of allDatabases(databases).entries()) {
    const report = await keepHouse(client, kept);
    const isIdle = Object.values(report).every((count) => count === 0);
    log[isIdle ? "debug" : "info"]({ database, ...report }, "housekeeping done");
  }
}

/** Calls `run` after a time; the function that comes back cancels it. */
type Later = (run: () => void, delayMs: number) => () => void;

/** A timer that keeps no process alive. */
const laterIdle: Later = (run, delayMs) => {
  const timer = setTimeout(run, delayMs).unref();
  return () => {
    clearTimeout(timer);
  };
};

const minuteMs = 60_000;

/**
 * Starts it by the clock. The first run comes after one interval; a run that fails is logged, and the next one goes on
 * where it stopped. Any number of processes may do this to one database.
 *
 * @returns A function that ends it, after the step that has begun.
 */
export function startHousekeeping(
  databases: Databases,
  { everyMinutes, ...kept }: HousekeepingSettings,
  log: Log,
  later: Later = laterIdle,
): () => Promise<void> {
  if (everyMinutes === 0) return () => Promise.resolve();
  const closing = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let cancel: () => void;
  const run = async (): Promise<void> => {
    try {
      await keepAllHouses(databases, { ...kept, signal: closing.signal }, log);
    } catch (error) {
      if (!closing.signal.aborted) log.warn({ err: error }, "housekeeping failed; it is tried again");
    }
    if (!closing.signal.aborted) wait();
  };
  const wait = (): void => {
    cancel = later(() => {
      running = run();
    }, everyMinutes * minuteMs);
  };
  wait();
  return async () => {
    closing.abort();
    cancel();
    await running;
  };
}
