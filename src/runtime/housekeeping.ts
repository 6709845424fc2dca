/**
 * What is done from time to time, and by nobody's message: the platform says when.
 *
 * @module
 */
import type { Log } from "../http/log.ts";
import { bindingLogDays } from "../limits.ts";
import { allDatabases } from "../store/databases.ts";
import type { Databases } from "../store/databases.ts";
import { keepHouse } from "../store/retention.ts";

/**
 * Deletes from all databases what has been kept long enough, and logs what it did. Safe to repeat, and to run in
 * several places at once.
 *
 * @param historyDays Days that tenures are kept after their end; null keeps them for ever.
 * @throws {LibsqlError} When a database can't be reached; those before it are done.
 */
export async function keepAllHouses(
  databases: Databases,
  historyDays: number | null,
  log: Log,
): Promise<void> {
  for (const [database, client] of allDatabases(databases).entries()) {
    const report = await keepHouse(client, { historyDays, bindingLogDays });
    log.info({ database, ...report }, "housekeeping done");
  }
}
