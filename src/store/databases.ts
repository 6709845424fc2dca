/**
 * Several databases behind one allocator: each has domains of its own, so that writing scales with their number.
 * Which domain is where is configuration; nothing of a domain is in two places.
 *
 * @module
 */
import type { Client } from "@libsql/client";

/** The databases of an allocator. */
export interface Databases {
  /** Has every domain that is placed nowhere else, and what belongs to no domain. */
  readonly main: Client;
  /** Name of a domain -> the database that has it. */
  readonly placed: ReadonlyMap<string, Client>;
}

/** @returns The databases of an allocator that has one. */
export function onlyDatabase(main: Client): Databases {
  return { main, placed: new Map() };
}

/** @returns Each database once, the main one first. */
export function allDatabases({ main, placed }: Databases): readonly Client[] {
  return [...new Set([main, ...placed.values()])];
}

/** @returns The database that has a domain. */
export function databaseOf({ main, placed }: Databases, domainName: string): Client {
  return placed.get(domainName) ?? main;
}
