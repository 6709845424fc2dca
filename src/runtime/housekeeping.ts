/**
 * Housekeeping deletes records whose retention period has ended. A platform trigger runs it once, or a serving process
 * runs it at an interval.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";
import type { Maintenance } from "../store/evidence/maintenance.ts";
import type { HousekeepingOptions } from "../store/evidence/retention.ts";
import { backgroundLater } from "../timing.ts";
import type { Timing } from "../timing.ts";

/** How long each kind of record is kept. */
type Retention = Pick<HousekeepingOptions, "historyDays" | "bindingLogDays" | "signal">;

/** Retention periods, and how often housekeeping runs. */
export interface HousekeepingSettings extends Omit<Retention, "signal"> {
  /** Minutes from the end of one run to the start of the next; 0 disables housekeeping. */
  readonly everyMinutes: number;
}

/**
 * Runs housekeeping on all databases, one after the other, and logs a report of each. It is safe to repeat, and to run
 * in several processes at once.
 *
 * @throws {DatabaseError} When a database cannot be reached. The databases before it are finished.
 * @throws {DOMException} `AbortError`, when `kept.signal` stopped the run.
 */
export async function runHousekeeping(
  maintenance: Maintenance,
  retention: Retention,
  log: Log,
): Promise<void> {
  let database = 0;
  for await (const report of maintenance.runHousekeeping(retention)) {
    const isIdle = Object.values(report).every((count) => count === 0);
    log[isIdle ? "debug" : "info"]({ database, ...report }, "housekeeping done");
    database += 1;
  }
}

const minuteMs = 60_000;

/**
 * Runs housekeeping at an interval. The first run starts after one interval. A failed run is logged, and the next run
 * continues where it stopped. Several processes may do this on the same database.
 *
 * @returns A function that stops housekeeping. It resolves when the step in progress has finished.
 */
export function startHousekeeping(
  maintenance: Maintenance,
  { everyMinutes, ...retention }: HousekeepingSettings,
  log: Log,
  { later }: Pick<Timing, "later"> = { later: backgroundLater },
): () => Promise<void> {
  if (everyMinutes === 0) return () => Promise.resolve();
  const closing = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let cancel: () => void;
  const run = async (): Promise<void> => {
    try {
      await runHousekeeping(maintenance, { ...retention, signal: closing.signal }, log);
    } catch (error) {
      if (!closing.signal.aborted) log.warn({ err: error }, "housekeeping failed; the next run retries");
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
