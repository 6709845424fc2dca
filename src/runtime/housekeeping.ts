/**
 * Housekeeping: what has been kept long enough is deleted. A trigger of the platform runs it once, or a process that
 * serves runs it at an interval.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";
import type { Maintenance } from "../store/evidence/maintenance.ts";
import type { HousekeepingOptions } from "../store/evidence/retention.ts";
import type { Timing } from "../timing.ts";

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
 * @throws {DatabaseError} When a database cannot be reached; those before it are done.
 */
export async function runHousekeeping(maintenance: Maintenance, kept: Kept, log: Log): Promise<void> {
  let database = 0;
  for await (const report of maintenance.runHousekeeping(kept)) {
    const isIdle = Object.values(report).every((count) => count === 0);
    log[isIdle ? "debug" : "info"]({ database, ...report }, "housekeeping done");
    database += 1;
  }
}

/** A timer that keeps no process alive. */
const idleTiming: Pick<Timing, "later"> = {
  later: (run, delayMs) => {
    const timer = setTimeout(run, delayMs).unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

const minuteMs = 60_000;

/**
 * Starts it by the clock. The first run comes after one interval; a run that fails is logged, and the next one goes on
 * where it stopped. Any number of processes may do this to one database.
 *
 * @returns A function that ends it, after the step that has begun.
 */
export function startHousekeeping(
  maintenance: Maintenance,
  { everyMinutes, ...kept }: HousekeepingSettings,
  log: Log,
  { later }: Pick<Timing, "later"> = idleTiming,
): () => Promise<void> {
  if (everyMinutes === 0) return () => Promise.resolve();
  const closing = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let cancel: () => void;
  const run = async (): Promise<void> => {
    try {
      await runHousekeeping(maintenance, { ...kept, signal: closing.signal }, log);
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
