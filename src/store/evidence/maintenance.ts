/**
 * Maintenance of databases while they are in use: integrity checks, and the deletion of expired records.
 *
 * @module
 */
import { isDatabaseError } from "../database/database.ts";
import { allDatabases } from "../database/databases.ts";
import type { Databases } from "../database/databases.ts";
import { purgeDatabase, readHousekeptAt } from "./retention.ts";
import type { HousekeepingOptions, HousekeepingReport } from "./retention.ts";
import { findClientLeases, findUnusableIn, verifyDatabase } from "./verify.ts";
import type { ClientLease, Verdict } from "./verify.ts";

/** Maintenance of all databases. */
export interface Maintenance {
  /**
   * Checks the invariants of all databases.
   *
   * @throws {DatabaseError} When a database cannot be reached, or was never migrated.
   */
  readonly verify: () => Promise<Verdict>;
  /**
   * Finds addresses and options that an earlier release accepted, and that clients cannot use.
   *
   * @returns One sentence for each.
   * @throws {DatabaseError} When a database cannot be reached, or was never migrated.
   */
  readonly findUnusable: () => Promise<readonly string[]>;
  /**
   * Finds the leases of clients in all domains.
   *
   * @param clients Octets of option 61 in hexadecimal.
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly findLeases: (clients: readonly string[]) => Promise<readonly ClientLease[]>;
  /**
   * Deletes records whose retention has ended, from one database after another. It is safe to repeat, and to run in
   * several processes at once.
   *
   * @returns A report for each finished database, the main one first.
   * @throws {DatabaseError} When a database cannot be reached. The databases before it are finished.
   * @throws {DOMException} `AbortError`, when the signal stopped the run.
   */
  readonly runHousekeeping: (options: HousekeepingOptions) => AsyncGenerator<HousekeepingReport>;
  /**
   * Reads when housekeeping last finished in each database that can be read.
   *
   * @returns Unix seconds by the clock of each database.
   */
  readonly lastHousekeeping: () => Promise<readonly number[]>;
}

/** Creates the maintenance of databases. */
export function createMaintenance(databases: Databases): Maintenance {
  const all = allDatabases(databases);
  return {
    verify: async () => {
      const verdicts = await Promise.all(all.map(verifyDatabase));
      return {
        faults: verdicts.flatMap(({ faults }) => faults),
        pools: verdicts.flatMap(({ pools }) => pools),
      };
    },
    findUnusable: async () => (await Promise.all(all.map(findUnusableIn))).flat(),
    findLeases: async (clients) =>
      (await Promise.all(all.map((database) => findClientLeases(database, clients)))).flat(),
    runHousekeeping: async function* (options) {
      for (const database of all) yield await purgeDatabase(database, options);
    },
    lastHousekeeping: async () => {
      const times = await Promise.allSettled(all.map(readHousekeptAt));
      const failure = times.find((time) => time.status === "rejected" && !isDatabaseError(time.reason));
      if (failure?.status === "rejected") throw failure.reason;
      return times.flatMap((time) => (time.status === "fulfilled" ? [time.value] : []));
    },
  };
}
