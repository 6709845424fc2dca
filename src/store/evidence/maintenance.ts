/**
 * What is done with databases beside serving: they are checked, and what was kept long enough is deleted.
 *
 * @module
 */
import { allDatabases } from "../database/databases.ts";
import type { Databases } from "../database/databases.ts";
import { purgeDatabase } from "./retention.ts";
import type { HousekeepingOptions, HousekeepingReport } from "./retention.ts";
import { findClientLeases, verifyDatabase } from "./verify.ts";
import type { ClientLease, Verdict } from "./verify.ts";

/** Maintenance of all databases. */
export interface Maintenance {
  /**
   * Checks what must always hold.
   *
   * @throws {DatabaseError} When a database cannot be reached, or was never migrated.
   */
  readonly verify: () => Promise<Verdict>;
  /**
   * Finds the leases of clients, in whichever domain.
   *
   * @param clients Octets of option 61 in hexadecimal.
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly findLeases: (clients: readonly string[]) => Promise<readonly ClientLease[]>;
  /**
   * Deletes what has been kept long enough, from one database after the other. Safe to repeat, and to run in several
   * processes at once.
   *
   * @returns What was done in each database, the main one first, when it is done.
   * @throws {DatabaseError} When a database cannot be reached; those before it are done.
   * @throws {DOMException} `AbortError`, when the signal ended it.
   */
  readonly runHousekeeping: (options: HousekeepingOptions) => AsyncGenerator<HousekeepingReport>;
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
    findLeases: async (clients) =>
      (await Promise.all(all.map((database) => findClientLeases(database, clients)))).flat(),
    runHousekeeping: async function* (options) {
      for (const database of all) yield await purgeDatabase(database, options);
    },
  };
}
