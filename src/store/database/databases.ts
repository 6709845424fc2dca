/**
 * Several databases behind one allocator: each has domains of its own, so that writing scales with their number.
 * Which domain is where is configuration; nothing of a domain is in two places.
 *
 * A domain that was moved may be left behind where it was. So who reads a database says which of its domains count:
 * that is a {@link Place}.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import type { Database } from "./database.ts";

/** The databases of an allocator. */
export interface Databases {
  /** Has every domain that is placed nowhere else, and what belongs to no domain. */
  readonly main: Database;
  /** Name of a domain -> the database that has it. */
  readonly placed: ReadonlyMap<string, Database>;
}

/** Which domains of a database count. */
export interface DomainScope {
  /** These; null is all, and what belongs to no domain. */
  readonly only: readonly string[] | null;
  /** None of these. */
  readonly except: readonly string[];
}

/** A database, and which of its domains count. */
export interface Place {
  readonly database: Database;
  readonly scope: DomainScope;
}

/** @returns A database all of whose domains count. */
export function wholeDatabase(database: Database): Place {
  return { database, scope: { only: null, except: [] } };
}

/** @returns Each database once, the main one first. */
export function allDatabases({ main, placed }: Databases): readonly Database[] {
  return [...new Set([main, ...placed.values()])];
}

/** @returns The database that has a domain. */
export function databaseOf({ main, placed }: Databases, domainName: string): Database {
  return placed.get(domainName) ?? main;
}

/** @returns The database that has a domain, with all others that count there. */
export function homeOf(databases: Databases, domainName: string): Place {
  const database = databaseOf(databases, domainName);
  return allPlaces(databases).find((place) => place.database === database)!;
}

/** @returns Where a domain is, and nothing but it. */
export function placeOf(databases: Databases, domainName: string): Place {
  return { database: databaseOf(databases, domainName), scope: { only: [domainName], except: [] } };
}

/** @returns All that there is, the main database first. */
export function allPlaces(databases: Databases): readonly [Place, ...Place[]] {
  const { main, placed } = databases;
  const namesOf = (isThere: (database: Database) => boolean) =>
    [...placed].filter(([, database]) => isThere(database)).map(([name]) => name);
  const others = allDatabases(databases).filter((database) => database !== main);
  return [
    { database: main, scope: { only: null, except: namesOf((database) => database !== main) } },
    ...others.map((database) => ({
      database,
      scope: { only: namesOf((each) => each === database), except: [] },
    })),
  ];
}

/** @returns Whether a domain counts. */
export function isInScope({ only, except }: DomainScope, domainName: string): boolean {
  return (only === null || only.includes(domainName)) && !except.includes(domainName);
}

/**
 * A condition: the domain whose name is in a column counts. Its cost does not depend on the number of domains.
 *
 * @param column Null in it is what belongs to no domain: it counts where all domains do.
 */
export function inScope(column: Column | SQL, { only, except }: DomainScope): SQL {
  const names = only === null ? null : JSON.stringify(only);
  return sql`iif(${column} IS NULL, ${names} IS NULL,
    (${names} IS NULL OR ${column} IN (SELECT value FROM json_each(${names})))
    AND ${column} NOT IN (SELECT value FROM json_each(${JSON.stringify(except)})))`;
}

/** Something that was found, and where. */
export interface Found<T> {
  readonly place: Place;
  readonly found: T;
}

/**
 * Asks all places at the same time.
 *
 * @returns What the first of them that has it says.
 * @throws {DatabaseError} When one can't be reached: it might have had it.
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
 * Lists from all places what each has in the order of names.
 *
 * @param list At most `limit` of one place.
 * @returns The first `limit` of all, in the order of names.
 * @throws {DatabaseError} When one can't be reached.
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
