/**
 * The databases of one allocator. Each stores its own domains, so that write throughput scales with the number of
 * databases. The settings map domains to databases; no domain is split between two.
 *
 * A domain that was moved may still have data in its old database. So every read of a database states which of its
 * domains are in scope: a {@link Place}.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import type { Database } from "./database.ts";

/** The databases of an allocator. */
export interface Databases {
  /** Stores every domain that is not placed elsewhere, and everything that belongs to no domain. */
  readonly main: Database;
  /** Name of a domain -> the database that stores it. */
  readonly placed: ReadonlyMap<string, Database>;
}

/** The domains of a database that are in scope. All others are ignored. */
export interface DomainScope {
  /** Only these domains are in scope; null means all domains, and everything that belongs to no domain. */
  readonly only: readonly string[] | null;
  /** These domains are out of scope. */
  readonly except: readonly string[];
}

/** A database, and which of its domains are in scope. */
export interface Place {
  readonly database: Database;
  readonly scope: DomainScope;
}

/** @returns A place for a database with all its domains. */
export function wholeDatabase(database: Database): Place {
  return { database, scope: { only: null, except: [] } };
}

/** @returns Each database once, the main one first. */
export function allDatabases({ main, placed }: Databases): readonly Database[] {
  return [...new Set([main, ...placed.values()])];
}

/** @returns The database that stores a domain. */
export function databaseOf({ main, placed }: Databases, domainName: string): Database {
  return placed.get(domainName) ?? main;
}

/** @returns The place that stores a domain, with all domains that are in scope there. */
export function homeOf(databases: Databases, domainName: string): Place {
  const database = databaseOf(databases, domainName);
  return allPlaces(databases).find((place) => place.database === database)!;
}

/** @returns The place that stores a domain, restricted to that domain. */
export function placeOf(databases: Databases, domainName: string): Place {
  return { database: databaseOf(databases, domainName), scope: { only: [domainName], except: [] } };
}

/** @returns All places, the main database first. */
export function allPlaces(databases: Databases): readonly [Place, ...Place[]] {
  const { main, placed } = databases;
  const namesOf = (matches: (database: Database) => boolean) =>
    [...placed].filter(([, database]) => matches(database)).map(([name]) => name);
  const others = allDatabases(databases).filter((database) => database !== main);
  return [
    { database: main, scope: { only: null, except: namesOf((database) => database !== main) } },
    ...others.map((database) => ({
      database,
      scope: { only: namesOf((each) => each === database), except: [] },
    })),
  ];
}

/** @returns Whether a domain is in scope. */
export function isInScope({ only, except }: DomainScope, domainName: string): boolean {
  return (only === null || only.includes(domainName)) && !except.includes(domainName);
}

/**
 * Builds a condition: the domain whose name is in a column is in scope. Its cost does not depend on the number of
 * domains.
 *
 * @param column Null in this column means that the row belongs to no domain. Such a row is in scope where all domains
 *   are.
 */
export function inScope(column: Column | SQL, { only, except }: DomainScope): SQL {
  const names = only === null ? null : JSON.stringify(only);
  return sql`iif(${column} IS NULL, ${names} IS NULL,
    (${names} IS NULL OR ${column} IN (SELECT value FROM json_each(${names})))
    AND ${column} NOT IN (SELECT value FROM json_each(${JSON.stringify(except)})))`;
}

/** A search result, and the place where it was found. */
export interface Found<T> {
  readonly place: Place;
  readonly found: T;
}

/**
 * Searches all places at the same time.
 *
 * @returns The result of the first place that has one.
 * @throws {DatabaseError} When a place cannot be reached, because it might have a result.
 */
export async function findIn<T>(
  places: readonly Place[],
  find: (place: Place) => Promise<T | undefined>,
): Promise<Found<T> | undefined> {
  const answers = await Promise.all(places.map(async (place) => ({ place, found: await find(place) })));
  for (const { place, found } of answers) if (found !== undefined) return { place, found };
  return undefined;
}

/**
 * Merges the lists of all places. Each list is ordered by name.
 *
 * @param list Lists at most `limit` items of one place.
 * @returns The first `limit` items of all places, ordered by name.
 * @throws {DatabaseError} When a place cannot be reached.
 */
export async function listByName<T>(
  places: readonly Place[],
  limit: number,
  list: (place: Place) => Promise<readonly T[]>,
  nameOf: (item: T) => string,
): Promise<readonly T[]> {
  const lists = await Promise.all(places.map(list));
  const [only = [], ...others] = lists;
  if (others.length === 0) return only;
  return lists
    .flat()
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .slice(0, limit);
}
