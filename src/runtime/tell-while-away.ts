/**
 * Tells the operator that a database server does not answer at the start, where the allocator does not wait for it.
 *
 * @module
 */
import { databaseRetryMs } from "../limits.ts";
import type { Log } from "../allocator/log.ts";
import type { Database } from "../store/database/database.ts";
import type { DatabaseAccess } from "../store/store.ts";
import { describeOpening } from "./opening-fault.ts";

/**
 * Asks a database server until it answers, and logs each failure in the words of the start on Node.
 *
 * @param pause Waits some milliseconds. Resolves to false when the process ends.
 */
export async function tellWhileAway(
  database: Pick<Database, "clock">,
  access: DatabaseAccess,
  log: Pick<Log, "warn">,
  pause: (ms: number) => Promise<boolean>,
): Promise<void> {
  do {
    try {
      await database.clock();
      return;
    } catch (error) {
      log.warn(
        { error: describeOpening(access, error).message },
        `not serving yet: trying again in ${databaseRetryMs / 1000} s`,
      );
    }
  } while (await pause(databaseRetryMs));
}
