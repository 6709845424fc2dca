/**
 * A row of an lwAFTR's binding table, and the interface of the formats in which the table is written.
 *
 * @module
 */
import type { Domain, Pool } from "../lease/domain.ts";

/** A row: the softwire that carries the packets of an IPv4 address and port set (RFC 7596 §6.1). */
export interface BindingEntry {
  readonly domain: Domain;
  readonly pool: Pool;
  readonly address: number;
  /** Right-justified PSID: 0..2^k-1. */
  readonly psid: number;
  /** IPv6 address of the lwB4's end of the softwire. */
  readonly softwire: Uint8Array;
}

/** The change of one slot between two versions. `before` and `after` are never both null. */
export interface EntryChange {
  readonly before: BindingEntry | null;
  readonly after: BindingEntry | null;
}

/** Version, date and content of a table, for the header of its text. */
export interface TableVersion {
  /** One number for each database, separated by dots. */
  readonly version: string;
  /** @returns The version number of the database that stores the domain. */
  readonly versionOf: (domain: Domain) => number;
  /** Date at which this table was in force (RFC 3339). */
  readonly date: string;
  /** The domains whose rows the table contains, in order. */
  readonly domains: readonly Domain[];
  /** Why the format cannot express the other domains of the request, which the table leaves out. */
  readonly leftOut: readonly string[];
}

/** Writes a table for one kind of lwAFTR. The functions are in the order in which a text contains their parts. */
export interface BindingFormat {
  readonly mediaType: string;
  /** @returns Why the format cannot express a pool or its domain; undefined when it can. */
  readonly whyUnsupported: (pool: Pool, domain: Domain) => string | undefined;
  readonly begin: (table: TableVersion) => string;
  /** Text before the rows of a domain, in pieces of bounded size. */
  readonly beginDomain: (domain: Domain, table: TableVersion) => Iterable<string>;
  /** @param isFirst Whether the row is the first of its domain. */
  readonly entry: (entry: BindingEntry, table: TableVersion, isFirst: boolean) => string;
  readonly endDomain: (domain: Domain, table: TableVersion) => string;
  readonly end: () => string;
  /** Complete text of the changes since another version. Removals come before additions. */
  readonly changes: (changes: readonly EntryChange[], table: TableVersion, since: string) => Iterable<string>;
}

/**
 * Counts the addresses of a pool.
 *
 * @returns The number of addresses.
 */
export function addressCount({ geometry }: Pool): number {
  return geometry.lastAddress - geometry.firstAddress + 1;
}

/**
 * Counts the slots in all pools of a domain.
 *
 * @returns The number of slots.
 */
export function slotCount({ pools }: Domain): number {
  return pools.reduce((sum, { geometry }) => sum + geometry.slots, 0);
}

/**
 * Sorts changes by kind.
 *
 * @returns The entries of removed slots, of slots whose softwire address changed, and of added slots.
 */
export function sortChanges(changes: readonly EntryChange[]) {
  const removed: BindingEntry[] = [];
  const changed: BindingEntry[] = [];
  const added: BindingEntry[] = [];
  for (const { before, after } of changes) {
    if (after === null) removed.push(before!);
    else (before === null ? added : changed).push(after);
  }
  return { removed, changed, added };
}
