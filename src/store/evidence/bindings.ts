/**
 * The binding table across all databases. Each database has its own version; the version of the table combines all of
 * them.
 *
 * @module
 */
import type { Domain, Pool } from "../../lease/domain.ts";
import type { BorderRelays } from "../../lease/softwire.ts";
import { isForbiddenSoftwire } from "../../lease/softwire.ts";
import { snapshotTries } from "../../limits.ts";
import { pairOf } from "../../portset/pool-geometry.ts";
import { numberOfSlot, poolOfSlot } from "../../portset/slot-key.ts";
import { loadPlace } from "../configuration/directory.ts";
import type { Databases, Place } from "../database/databases.ts";
import { placesFor } from "../database/places-for.ts";
import { canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { openBindingSnapshot } from "./binding-feed.ts";
import type { BindingChange, BindingSnapshot, NoIncrement } from "./binding-feed.ts";

/** A row of the table: a softwire address and its pair. */
export interface Binding {
  readonly domain: Domain;
  readonly pool: Pool;
  readonly address: number;
  /** Right-justified: 0 to 2^k - 1. */
  readonly psid: number;
  readonly softwire: Uint8Array;
}

/** The change of one pair between two versions. `before` and `after` are not both null. */
export interface ChangedBinding {
  readonly before: Binding | null;
  readonly after: Binding | null;
}

/** Why the changes since a version are not known, so that the consumer has to fetch the whole table. */
export type GoneReason = NoIncrement | "other-databases";

/** The changes since a version, ordered by database and slot; or why they are not known. */
export type ChangesSince =
  | { readonly kind: "changes"; readonly changes: readonly ChangedBinding[] }
  | { readonly kind: "gone"; readonly reason: GoneReason };

/**
 * The table as of one version. Rows of earlier releases or settings may have a softwire address that is forbidden now. The
 * table leaves them out: an lwAFTR would send the customer's packets to itself or nowhere.
 */
export interface BindingTable {
  /** One number for each database, separated by dots. */
  readonly version: string;
  /** The time of the version, in Unix seconds; with several databases, the earliest of their times. */
  readonly time: number;
  /** The domains whose rows are in the table, in order. */
  readonly domains: readonly Domain[];
  /** @returns The version of the database that stores a domain. */
  readonly versionOf: (domain: Domain) => number;
  /**
   * Reads the rows of a domain, ordered by pool and slot, page by page.
   *
   * @throws {SnapshotLostError} When the table as of its version can no longer be determined.
   * @throws {DatabaseError} When the database cannot be reached.
   */
  readonly rows: (domain: Domain) => AsyncGenerator<readonly Binding[]>;
  /**
   * Finds the changes since a version.
   *
   * @param version The version of an earlier table of the same domains.
   * @throws {SnapshotLostError} When the table as of its version can no longer be determined.
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly changesSince: (version: string) => Promise<ChangesSince>;
}

/** The table, or why it could not be opened. */
export type OpenedTable =
  | { readonly kind: "table"; readonly table: BindingTable }
  | { readonly kind: "no-domain" }
  /** The configuration changed during each attempt to read it together with the table. */
  | { readonly kind: "configuration-changes" };

/** Binding tables of all databases. */
export interface BindingStore {
  /**
   * Opens the table as of now.
   *
   * @param domain Only the rows of this domain; undefined for all that the caller may see.
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly open: (principal: Principal, domain: string | undefined) => Promise<OpenedTable>;
}

/** Creates the store of binding tables. */
export function createBindingStore(databases: Databases): BindingStore {
  return {
    open: async (principal, domain) => {
      if (domain !== undefined && !canAccess(principal, domain)) return { kind: "no-domain" };
      const loaded = new Set<ReadonlySet<string>>();
      const known: BorderRelays = {
        has: (address) => [...loaded].some((borderRelays) => borderRelays.has(address)),
      };
      const places = placesFor(databases, principal, domain);
      const opened = await Promise.all(places.map((place) => openSection(place, known)));
      for (const section of opened) if (section !== undefined) loaded.add(section.borderRelays);
      const sections = opened.filter((section) => section !== undefined);
      if (sections.length < opened.length) return { kind: "configuration-changes" };
      const hasDomain = sections.some(({ domains }) => domains.length > 0);
      if (domain !== undefined && !hasDomain) return { kind: "no-domain" };
      return { kind: "table", table: tableOf(sections) };
    },
  };
}

/** The part of the table from one database. */
interface Section {
  readonly snapshot: BindingSnapshot;
  readonly domains: readonly Domain[];
  readonly borderRelays: ReadonlySet<string>;
}

/**
 * Opens the part of one place. Domains are read again until they have the same revision as the snapshot.
 *
 * @param elsewhere Border relays of the other places.
 */
async function openSection(place: Place, elsewhere: BorderRelays): Promise<Section | undefined> {
  for (let attempt = 0; attempt < snapshotTries; attempt++) {
    const snapshot = await openBindingSnapshot(place.database);
    const { revision, domains, borderRelays } = await loadPlace(place, elsewhere);
    if (revision === snapshot.revision) return { snapshot, domains, borderRelays };
  }
  return undefined;
}

function tableOf(sections: readonly Section[]): BindingTable {
  const snapshots = new Map(
    sections.flatMap(({ snapshot, domains }) => domains.map((domain) => [domain, snapshot] as const)),
  );
  return {
    version: sections.map(({ snapshot }) => snapshot.version).join("."),
    time: Math.min(...sections.map(({ snapshot }) => snapshot.time)),
    domains: sections.flatMap(({ domains }) => domains),
    versionOf: (domain) => snapshots.get(domain)!.version,
    rows: (domain) => rowsOfDomain(snapshots.get(domain)!, domain),
    changesSince: (version) => changesSince(sections, version),
  };
}

async function* rowsOfDomain(snapshot: BindingSnapshot, domain: Domain): AsyncGenerator<readonly Binding[]> {
  for (const pool of domain.pools) {
    for await (const rows of snapshot.rows(pool.id)) {
      yield rows
        .filter(({ softwire }) => !isForbiddenSoftwire(softwire, domain.softwire))
        .map(({ slot, softwire }) => bindingOf(domain, pool, slot, softwire));
    }
  }
}

function bindingOf(domain: Domain, pool: Pool, slot: number, softwire: Uint8Array): Binding {
  const { address, psid } = pairOf(pool.geometry, numberOfSlot(slot));
  return { domain, pool, address, psid, softwire };
}

async function changesSince(sections: readonly Section[], version: string): Promise<ChangesSince> {
  const versions = version.split(".").map(Number);
  if (versions.length !== sections.length) return { kind: "gone", reason: "other-databases" };
  const found = await Promise.all(
    sections.map(({ snapshot }, index) => snapshot.changesSince(versions[index]!)),
  );
  const changes: ChangedBinding[] = [];
  for (const [index, each] of found.entries()) {
    if (each.kind === "gone") return each;
    changes.push(...changedBindings(sections[index]!, each.changes));
  }
  return { kind: "changes", changes };
}

/** Finds the pool of each changed slot. It exists: after a pool is created or deleted, there is no increment. */
function changedBindings({ domains }: Section, found: readonly BindingChange[]): ChangedBinding[] {
  const owners = new Map(
    domains.flatMap((domain) => domain.pools.map((pool) => [pool.id, { domain, pool }] as const)),
  );
  return found.flatMap(({ slot, before, after }): ChangedBinding[] => {
    const owner = owners.get(poolOfSlot(slot));
    if (owner === undefined) return [];
    const binding = (softwire: Uint8Array | null) =>
      softwire === null || isForbiddenSoftwire(softwire, owner.domain.softwire)
        ? null
        : bindingOf(owner.domain, owner.pool, slot, softwire);
    const change = { before: binding(before), after: binding(after) };
    return change.before === null && change.after === null ? [] : [change];
  });
}
