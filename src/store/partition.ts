/**
 * The allocator's view of the store: partitions. Each partition is one database with its domains. No domain is split
 * between two partitions, and a batch of claims goes to one of them.
 *
 * @module
 */
import type { ClockReading } from "../clock-reading.ts";
import type { Claim } from "../lease/claim.ts";
import type { Directory } from "../lease/domain.ts";
import type { BorderRelays } from "../lease/softwire.ts";
import { readClock } from "./batch/clock.ts";
import { commitClaims } from "./batch/commit.ts";
import type { CommitOptions, CommitResult } from "./batch/commit.ts";
import { loadPlace } from "./configuration/directory.ts";
import { allPlaces } from "./database/databases.ts";
import type { Databases, Place } from "./database/databases.ts";

/** One database, as the allocator uses it. */
export interface Partition {
  /**
   * Loads the domains of the partition and their pools.
   *
   * @throws {DatabaseError} When the database cannot be reached, or was never migrated.
   */
  readonly loadDirectory: () => Promise<Directory>;
  /** Runs claims as one atomic batch: see {@link commitClaims}. */
  readonly commit: (claims: readonly Claim[], options: CommitOptions) => Promise<CommitResult>;
  /** Reads the clock of the database: see {@link readClock}. */
  readonly readClock: (localMs: () => number) => Promise<ClockReading>;
}

/** @returns A partition for each database. The main database comes first. */
export function createPartitions(databases: Databases): readonly [Partition, ...Partition[]] {
  const [main, ...others] = allPlaces(databases);
  // Each partition knows the border relays of the others as they were last loaded: they seldom change.
  const loaded = new Map<Place, ReadonlySet<string>>();
  const partitionOf = (place: Place): Partition => createPartition(place, loaded);
  return [partitionOf(main), ...others.map(partitionOf)];
}

/** @param loaded Border relays of all places. Those of this one are added when they are loaded. */
function createPartition(place: Place, loaded: Map<Place, ReadonlySet<string>>): Partition {
  const { database } = place;
  const known: BorderRelays = {
    has: (address) => [...loaded.values()].some((borderRelays) => borderRelays.has(address)),
  };
  return {
    loadDirectory: async () => {
      const directory = await loadPlace(place, known);
      loaded.set(place, directory.borderRelays);
      return directory;
    },
    commit: (claims, options) => commitClaims(database, claims, options),
    readClock: (localMs) => readClock(database, localMs),
  };
}
