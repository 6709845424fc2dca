/**
 * When housekeeping runs on Deno. Where there is `Deno.cron` (Deno Deploy, or `--unstable-cron`), the platform calls for
 * it, also when no process runs at that time; elsewhere the process that serves does it by the clock, as on Node.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";
import { bindingLogDays, housekeepingMinutes } from "../limits.ts";
import type { Databases } from "../store/database/databases.ts";
import { keepAllHouses, startHousekeeping } from "./housekeeping.ts";

/** The part of `Deno` that is not on every Deno. Without the flag it is not among Deno's types either. */
export interface Scheduler {
  readonly cron?: (
    name: string,
    schedule: string,
    options: { readonly signal: AbortSignal },
    handler: () => Promise<void>,
  ) => Promise<void>;
}

/** Each night, when clients sleep (UTC), as on Workers. */
const schedule = "17 3 * * *";

/**
 * Sees to it that housekeeping runs.
 *
 * Deno Deploy finds its schedules by evaluating a module, and only those from before the server starts: so the entry
 * calls this before it awaits anything, and the databases may still be opening.
 *
 * @param historyDays Days that tenures are kept after their end; null keeps them for ever.
 * @param scheduler `globalThis.Deno`.
 * @param closing Ends it, after the step that has begun: a schedule, or a long run, would keep the process.
 * @throws {LibsqlError} When the databases can't be opened.
 */
export async function scheduleHousekeeping(
  opening: Promise<Databases>,
  historyDays: number | null,
  log: Log,
  scheduler: Scheduler,
  closing: AbortSignal,
): Promise<void> {
  const kept = { historyDays, bindingLogDays };
  if (scheduler.cron === undefined) {
    const stop = startHousekeeping(await opening, { ...kept, everyMinutes: housekeepingMinutes }, log);
    closing.addEventListener("abort", () => void stop());
    return;
  }
  const runs = scheduler.cron("housekeeping", schedule, { signal: closing }, async () => {
    try {
      await keepAllHouses(await opening, { ...kept, signal: closing }, log);
    } catch (error) {
      if (!closing.aborted) throw error;
    }
  });
  // It settles when the schedule ends; one that is refused is told.
  runs.catch((error: unknown) => {
    log.error({ err: error }, "housekeeping has no schedule");
  });
}
