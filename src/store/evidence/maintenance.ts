/**
 * Maintenance of databases while they serve: integrity checks, and the deletion of what has been kept long enough.
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
   * Checks the invariants of all databases.
   *
   * @throws {DatabaseError} When a database cannot be reached, or was never migrated.
   */
  readonly verify: () => Promise<Verdict>;
  /**
   * Finds the leases of clients in all domains.
   *
   * @param clients Octets of option 61 in hexadecimal.
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly findLeases: (clients: readonly string[]) => Promise<readonly ClientLease[]>;
  /**
   * Deletes what has been kept long enough, from one database after another. Safe to repeat, and to run in several
   * processes at once.
   *
   * @returns A report for each database when it is done, the main one first.
   * @throws {DatabaseError} When a database cannot be reached; the databases before it are done.
   * @throws {DOMException} `AbortError`, when the signal stopped it.
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
