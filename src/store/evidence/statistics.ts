/**
 * Statistics of all databases, counted on request and cached.
 *
 * @module
 */
import { statisticsAgeFactor, statisticsAgeMsMin } from "../../limits.ts";
import { isDatabaseError } from "../database/database.ts";
import { allPlaces } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { countSlots } from "./slot-counts.ts";
import type { PoolStatistics, Statistics } from "./slot-counts.ts";

/** Statistics of the databases that could be reached. */
export interface ReachableStatistics {
  readonly pools: readonly PoolStatistics[];
  /** Number of databases that could not be reached, whose pools are missing. */
  readonly unreachable: number;
}

/** Statistics of all databases. */
export interface StatisticsStore {
  /**
   * Counts the slots of the pools that a caller may see.
   *
   * @returns Of several databases, `asOf` is the earliest.
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly count: (principal: Principal) => Promise<Statistics>;
  /** The same, but omits databases that cannot be reached, so that monitoring still shows the others. */
  readonly countReachable: (principal: Principal) => Promise<ReachableStatistics>;
}

/** Creates the store of statistics. It spends at most a twentieth of the time counting each database. */
export function createStatisticsStore(databases: Databases): StatisticsStore {
  const counters = allPlaces(databases).map((place) => createSlotCounter(place));
  const visible = (pools: readonly PoolStatistics[], principal: Principal) =>
    pools.filter(({ domain }) => canAccess(principal, domain));
  return {
    count: async (principal) => {
      const counts = await Promise.all(counters.map((count) => count()));
      const pools = counts.flatMap((count) => count.pools);
      return { pools: visible(pools, principal), asOf: Math.min(...counts.map(({ asOf }) => asOf)) };
    },
    countReachable: async (principal) => {
      const counts = await Promise.allSettled(counters.map((count) => count()));
      const failures = counts.filter((count) => count.status === "rejected");
      for (const { reason } of failures) if (!isDatabaseError(reason)) throw reason;
      const pools = counts.flatMap((count) => (count.status === "fulfilled" ? count.value.pools : []));
      return { pools: visible(pools, principal), unreachable: failures.length };
    },
  };
}

/** Counts one database, or returns a recent count. */
export type SlotCounter = () => Promise<Statistics>;

/**
 * Creates a counter that spends at most a twentieth of the time counting. A call during a count waits for that count.
 *
 * @param clockMs Milliseconds of any monotonic clock. Default: the clock of the process.
 */
export function createSlotCounter(
  place: Place,
  clockMs: () => number = () => performance.now(),
): SlotCounter {
  let counting: Promise<Statistics> | undefined;
  let validUntil = -Infinity;
  return () => {
    if (counting !== undefined && clockMs() < validUntil) return counting;
    const begin = clockMs();
    validUntil = Infinity;
    const current = countSlots(place);
    counting = current;
    current.then(
      () => {
        const end = clockMs();
        validUntil = end + Math.max(statisticsAgeMsMin, (end - begin) * statisticsAgeFactor);
      },
      () => (counting = undefined),
    );
    return current;
  };
}
