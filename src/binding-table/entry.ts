/**
 * What a row of an lwAFTR's binding table says, and what a format makes of rows.
 *
 * @module
 */
import type { Domain, Pool } from "../lease/domain.ts";

/** A row: whose packets of which IPv4 address and port set go through which softwire (RFC 7596 §6.1). */
export interface BindingEntry {
  readonly domain: Domain;
  readonly pool: Pool;
  readonly address: number;
  /** Right-justified: 0..2^k-1. */
  readonly psid: number;
  /** IPv6 address of the lwB4's end of the softwire. */
  readonly softwire: Uint8Array;
}

/** What became of one slot from one version to another; never null on both sides. */
export interface EntryChange {
  readonly before: BindingEntry | null;
  readonly after: BindingEntry | null;
}

/** What a text says of itself. */
export interface TableVersion {
  /** One number for each database, with dots between them. */
  readonly version: string;
  /** @returns The number of the database that has a domain. */
  readonly versionOf: (domain: Domain) => number;
  /** RFC 3339: when this table was the one in force. */
  readonly date: string;
  /** The domains whose rows are in it, in order. */
  readonly domains: readonly Domain[];
}

/** Writes a table for one kind of consumer. The parts of a text come in the order of these functions. */
export interface BindingFormat {
  readonly mediaType: string;
  /** @returns Why a pool or its domain can't be expressed; undefined when they can. */
  readonly refuse: (pool: Pool, domain: Domain) => string | undefined;
  readonly begin: (table: TableVersion) => string;
  /** What precedes the rows of a pool, in pieces of bounded size. */
  readonly beginDomain: (domain: Domain, table: TableVersion) => Iterable<string>;
  /** @param isFirst Of its domain. */
  readonly entry: (entry: BindingEntry, table: TableVersion, isFirst: boolean) => string;
  readonly endDomain: (domain: Domain, table: TableVersion) => string;
  readonly end: () => string;
  /** A whole text of changes since another version; it takes away before it adds. */
  readonly changes: (changes: readonly EntryChange[], table: TableVersion, since: string) => Iterable<string>;
}

/** Addresses of a pool. */
export function addressCount({ geometry }: Pool): number {
  return geometry.lastAddress - geometry.firstAddress + 1;
}

/** Slots that the pools of a domain have together. */
export function slotCount({ pools }: Domain): number {
  return pools.reduce((sum, { geometry }) => sum + geometry.slots, 0);
}

/** @returns The slots that left the table, those that have another softwire address, and those that came. */
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
