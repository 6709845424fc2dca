/**
 * The store of pools, for operators.
 *
 * @module
 */
import { and, eq, gt, gte, isNotNull, isNull, lte, ne } from "drizzle-orm";
import type { IPv4Range } from "../../declaration/usable-addresses.ts";
import { formatDate } from "../../declaration/dates.ts";
import { allPlaces, findIn, inScope, listByName } from "../database/databases.ts";
import type { Databases, Found, Place } from "../database/databases.ts";
import { placesFor } from "../database/places-for.ts";
import { readerOf, readRows } from "../database/queries.ts";
import { domain, pool } from "../database/schema.ts";
import { clockSeconds } from "../database/time.ts";
import { canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { parseSettings, poolOfRow, selectPools } from "./declared.ts";
import type { StoredPool } from "./declared.ts";
import type { NamePage } from "./name-page.ts";
import { overlaps } from "./pool-changes.ts";
import { deletePool } from "./pool-deletion.ts";
import type { DeletionOutcome, PoolDeletionOptions } from "./pool-deletion.ts";
import { putPool, updatePool } from "./pool-put.ts";
import type { PoolChange, PoolChangeOptions, PoolPut, WantedPool } from "./pool-put.ts";
import { staleness } from "./precondition.ts";
import type { ChangeRefusal, Precondition } from "./precondition.ts";

/** Selects pools. */
export interface PoolFilter {
  /** Only pools of this domain. */
  readonly domain?: string | undefined;
  readonly kind?: "shared" | "full" | undefined;
  readonly draining?: boolean | undefined;
  /** Only the pool that contains this address. */
  readonly address?: number | undefined;
}

/** The outcome of deleting a pool, or why it was refused. */
export type PoolDeletion = DeletionOutcome | ChangeRefusal;

/** The pools of all databases. Every method throws {@link DatabaseError} when a database cannot be reached. */
export interface PoolStore {
  /** Lists the pools that the caller may see, by name. */
  readonly list: (principal: Principal, filter: PoolFilter, page: NamePage) => Promise<readonly StoredPool[]>;
  /** @returns The pool of this name, if it exists and the caller may see it. */
  readonly find: (principal: Principal, name: string) => Promise<StoredPool | undefined>;
  /** @returns A pool with some of the addresses, if one exists and the caller may see all domains. */
  readonly findOverlap: (principal: Principal, range: IPv4Range) => Promise<StoredPool | undefined>;
  /** Creates a pool, or replaces the fields that may change. */
  readonly put: (
    principal: Principal,
    wanted: WantedPool,
    precondition: Precondition,
    options?: PoolChangeOptions,
  ) => Promise<PoolPut>;
  /**
   * Changes the fields of a pool that may change.
   *
   * @param revise Returns the wanted pool. An error that it throws is passed on.
   */
  readonly change: (
    principal: Principal,
    name: string,
    precondition: Precondition,
    revise: (stored: StoredPool) => WantedPool,
    options?: PoolChangeOptions,
  ) => Promise<PoolChange>;
  /**
   * Drains a pool, so that it gives no new leases.
   *
   * @param until Date until which leases are renewed. Default: the end of the longest lease that its domain would give
   *   now; by force, now.
   */
  readonly drain: (
    principal: Principal,
    name: string,
    precondition: Precondition,
    until: string | undefined,
    options?: PoolChangeOptions,
  ) => Promise<PoolChange>;
  /** Deletes a pool that is not in use, or any pool by force. */
  readonly delete: (
    principal: Principal,
    name: string,
    precondition: Precondition,
    options: PoolDeletionOptions,
  ) => Promise<PoolDeletion>;
}

/** Creates the store of pools. */
export function createPoolStore(databases: Databases): PoolStore {
  const locate = (principal: Principal, name: string) =>
    findIn(placesFor(databases, principal), (place) => findPool(place, name));
  return {
    list: async (principal, filter, page) => {
      if (filter.domain !== undefined && !canAccess(principal, filter.domain)) return [];
      return listByName(
        placesFor(databases, principal, filter.domain),
        page.limit,
        (place) => listPools(place, filter, page),
        ({ declared }) => declared.name,
      );
    },
    find: async (principal, name) => (await locate(principal, name))?.found,
    findOverlap: async (principal, range) => {
      if (principal.domain !== null) return undefined;
      return (await findIn(allPlaces(databases), (place) => findOverlap(place, range)))?.found;
    },
    put: (principal, wanted, precondition, options) =>
      putPool(databases, principal, wanted, precondition, options),
    change: async (principal, name, precondition, revise, options) => {
      const located = await locate(principal, name);
      if (located === undefined) return { kind: "not-found" };
      const { database } = located.place;
      const stale = staleness(precondition, located.found.version);
      return stale ?? updatePool(database, principal, located.found, revise(located.found), options);
    },
    drain: async (principal, name, precondition, until, options) => {
      const located = await findIn(placesFor(databases, principal), (place) => findWithEnd(place, name));
      if (located === undefined) return { kind: "not-found" };
      const { stored, now, longestLeaseEnd } = located.found;
      const end = options?.force === true ? now : longestLeaseEnd;
      const declared = { ...stored.declared, drainUntil: until ?? formatDate(end) };
      const wanted = { domain: stored.domain, declared };
      const stale = staleness(precondition, stored.version);
      return stale ?? updatePool(located.place.database, principal, stored, wanted, options);
    },
    delete: async (principal, name, precondition, options) => {
      const located = await locate(principal, name);
      if (located === undefined) return { kind: "not-found" };
      return staleness(precondition, located.found.version) ?? removePool(located, principal, options);
    },
  };
}

function removePool(
  { place, found }: Found<StoredPool>,
  { name: actor }: Principal,
  options: PoolDeletionOptions,
): Promise<DeletionOutcome> {
  return deletePool(place.database, actor, found, options);
}

/** Lists the pools of a place, ordered by name. */
async function listPools(
  { database, scope }: Place,
  { kind, draining, address }: PoolFilter,
  { after = "", limit }: NamePage,
): Promise<StoredPool[]> {
  const rows = await readRows(
    database,
    selectPools(readerOf(database))
      .where(
        and(
          gt(pool.name, after),
          inScope(domain.name, scope),
          kind === undefined ? undefined : (kind === "full" ? eq : ne)(pool.psidLength, 0),
          draining === undefined ? undefined : (draining ? isNotNull : isNull)(pool.drainUntil),
          address === undefined
            ? undefined
            : and(lte(pool.firstAddress, address), gte(pool.lastAddress, address)),
        ),
      )
      .orderBy(pool.name)
      .limit(limit),
  );
  return rows.map(poolOfRow);
}

async function findPool({ database, scope }: Place, name: string): Promise<StoredPool | undefined> {
  const [row] = await readRows(
    database,
    selectPools(readerOf(database)).where(and(eq(pool.name, name), inScope(domain.name, scope))),
  );
  return row === undefined ? undefined : poolOfRow(row);
}

/** Finds a pool, the database's clock, and the latest end of a lease that is given out now, in Unix seconds. */
async function findWithEnd({ database, scope }: Place, name: string) {
  const reader = readerOf(database);
  const isIt = and(eq(pool.name, name), inScope(domain.name, scope));
  const [[row], [of]] = await reader.batch([
    selectPools(reader).where(isIt),
    reader
      .select({ settings: domain.settings, now: clockSeconds(database) })
      .from(pool)
      .innerJoin(domain, eq(domain.id, pool.domainId))
      .where(isIt),
  ]);
  if (row === undefined || of === undefined) return undefined;
  return {
    stored: poolOfRow(row),
    now: of.now,
    longestLeaseEnd: of.now + parseSettings(of.settings).leaseSeconds.max,
  };
}

async function findOverlap({ database, scope }: Place, range: IPv4Range): Promise<StoredPool | undefined> {
  const [row] = await readRows(
    database,
    selectPools(readerOf(database))
      .where(and(overlaps(range), inScope(domain.name, scope)))
      .orderBy(pool.firstAddress)
      .limit(1),
  );
  return row === undefined ? undefined : poolOfRow(row);
}
