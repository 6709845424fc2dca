/**
 * Housekeeping by the clock: what has been kept long enough is deleted while the allocator serves.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import type { Log } from "../http/log.ts";
import { keepHouse } from "../store/retention.ts";
import type { HousekeepingOptions } from "../store/retention.ts";

/** What is kept for how long, and how often that is looked at. */
export interface HousekeepingSettings extends Pick<HousekeepingOptions, "historyDays" | "bindingLogDays"> {
  /** Minutes from the end of one run to the next; 0 for never. */
  readonly everyMinutes: number;
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
 * Starts it. The first run comes after one interval; a run that fails is logged, and the next one goes on where it
 * stopped. Any number of processes may do this to one database.
 *
 * @returns A function that ends it, after the step that has begun.
 */
export function startHousekeeping(
  database: Client,
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
      const report = await keepHouse(database, { ...kept, signal: closing.signal });
      const isIdle = Object.values(report).every((count) => count === 0);
      log[isIdle ? "debug" : "info"](report, "housekeeping done");
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
