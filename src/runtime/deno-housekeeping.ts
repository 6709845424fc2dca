/**
 * Schedules housekeeping on Deno. If `Deno.cron` exists (on Deno Deploy, or with `--unstable-cron`), it starts
 * housekeeping; on Deno Deploy this works even when no process is running. Otherwise the serving process runs it at an
 * interval, as on Node.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";
import { bindingLogDays, housekeepingMinutes } from "../limits.ts";
import type { Store } from "../store/store.ts";
import { runHousekeeping, startHousekeeping } from "./housekeeping.ts";

/** The part of `Deno` that may be missing. Deno's types have it only with `--unstable-cron`. */
export interface Scheduler {
  readonly cron?: (
    name: string,
    schedule: string,
    options: { readonly signal: AbortSignal },
    handler: () => Promise<void>,
  ) => Promise<void>;
}

/** Every night (UTC), when few clients are active; the same schedule as on Workers. */
const schedule = "17 3 * * *";

/**
 * Schedules housekeeping.
 *
 * Deno Deploy evaluates the module to find its schedules, and sees only those registered before the server starts. So
 * the entry module calls this before it awaits anything, while the store may still be opening.
 *
 * @param opening The store, which may still be opening.
 * @param historyDays Days for which tenures are kept after their end; null keeps them forever.
 * @param scheduler `globalThis.Deno`.
 * @param closing Stops housekeeping after the step in progress. Without this, a schedule or a long run would keep the
 *   process alive.
 * @throws {DatabaseError} When the store cannot be opened and there is no `Deno.cron`.
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
  // The promise settles when the schedule ends, and rejects if Deno refuses the schedule.
  runs.catch((error: unknown) => {
    log.error({ err: error }, "cannot schedule housekeeping");
  });
}
