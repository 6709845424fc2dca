/**
 * Loads the configuration of a database as a declared state.
 *
 * @module
 */
import type { Declaration } from "../../declaration/declaration.ts";
import { mapInSteps } from "../../declaration/steps.ts";
import { groupBy } from "../../group-by.ts";
import { isInScope } from "../database/databases.ts";
import type { Place } from "../database/databases.ts";
import { readerOf } from "../database/queries.ts";
import { inSlices } from "../database/slices.ts";
import { configuration, domain, pool, reservation } from "../database/schema.ts";
import { clockSeconds } from "../database/time.ts";
import { domainOfRow, poolOfRow, reservationOfRow, selectPools, selectReservations } from "./declared.ts";
import type { StoredDomain, StoredPool, StoredReservation } from "./declared.ts";

/** The whole configuration of a place. */
export interface State {
  readonly revision: number;
  /** Unix seconds by the database's clock. */
  readonly now: number;
  readonly domains: readonly StoredDomain[];
  readonly pools: readonly StoredPool[];
  readonly reservations: readonly StoredReservation[];
  /** Pools of domains that are out of scope because they were moved away. Their ranges still cannot be used. */
  readonly otherPools: readonly StoredPool[];
}

/**
 * Reads the whole configuration in one round trip.
 *
 * @throws {DatabaseError} When the database cannot be reached, or was never migrated.
 */
export async function loadDeclaredState({ database, scope }: Place): Promise<State> {
  const reader = readerOf(database);
  const [[current], domains, pools, reservations] = await reader.batch([
    reader.select({ revision: configuration.revision, now: clockSeconds(database) }).from(configuration),
    reader.select().from(domain).orderBy(domain.name),
    selectPools(reader).orderBy(pool.name),
    selectReservations(reader).orderBy(reservation.name),
  ]);
  const isHere = (name: string): boolean => isInScope(scope, name);
  const allDomains = await inSlices(mapInSteps(domains, domainOfRow));
  const allPools = await inSlices(mapInSteps(pools, poolOfRow));
  const allReservations = await inSlices(mapInSteps(reservations, reservationOfRow));
  return {
    revision: current!.revision,
    now: current!.now,
    domains: allDomains.filter(({ name }) => isHere(name)),
    pools: allPools.filter((each) => isHere(each.domain)),
    reservations: allReservations.filter((each) => isHere(each.domain)),
    otherPools: allPools.filter((each) => !isHere(each.domain)),
  };
}

/**
 * Its parts were checked when they were stored. The whole is not checked again, so that a configuration of an earlier
 * release with a contradiction between two databases can be read.
 *
 * @returns The configuration as a declared state. Applying it again changes nothing.
 */
export function declarationOf(states: readonly State[]): Declaration {
  const domains = states.flatMap((state) => {
    const pools = groupBy(state.pools, ({ domain: name }) => name);
    const reservations = groupBy(state.reservations, ({ domain: name }) => name);
    return state.domains.map(({ name, settings }) => ({
      name,
      ...settings,
      pools: (pools.get(name) ?? []).map(({ declared }) => declared),
      reservations: (reservations.get(name) ?? []).map(({ declared }) => declared),
    }));
  });
  return { domains: domains.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}
