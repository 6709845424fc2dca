/**
 * When housekeeping runs on Deno. Where there is `Deno.cron` (Deno Deploy, or `--unstable-cron`), the platform runs it,
 * also when no process runs at that time. Elsewhere the process that serves runs it at an interval, as on Node.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";
import { bindingLogDays, housekeepingMinutes } from "../limits.ts";
import type { Store } from "../store/store.ts";
import { runHousekeeping, startHousekeeping } from "./housekeeping.ts";

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
 * Schedules housekeeping.
 *
 * Deno Deploy finds its schedules by evaluating a module, and only those from before the server starts. So the entry
 * calls this before it awaits anything, while the store may still be opening.
 *
 * @param historyDays Days that tenures are kept after their end; null keeps them for ever.
 * @param scheduler `globalThis.Deno`.
 * @param closing Ends it, after the step that has begun: a schedule, or a long run, would keep the process.
 * @throws {DatabaseError} When the store cannot be opened.
 */
export async function scheduleHousekeeping(
  opening: Promise<Pick<Store, "maintenance">>,
  historyDays: number | null,
  log: Log,
  scheduler: Scheduler,
  closing: AbortSignal,
): Promise<void> {
  const kept = { historyDays, bindingLogDays };
  if (scheduler.cron === undefined) {
    const { maintenance } = await opening;
    const stop = startHousekeeping(maintenance, { ...kept, everyMinutes: housekeepingMinutes }, log);
    closing.addEventListener("abort", () => void stop());
    return;
  }
  const runs = scheduler.cron("housekeeping", schedule, { signal: closing }, async () => {
    try {
      await runHousekeeping((await opening).maintenance, { ...kept, signal: closing }, log);
    } catch (error) {
      if (!closing.aborted) throw error;
    }
  });
  // It settles when the schedule ends; one that is refused is told.
  runs.catch((error: unknown) => {
    log.error({ err: error }, "housekeeping has no schedule");
  });
}
