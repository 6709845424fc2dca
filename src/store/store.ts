/**
 * The single entry point to the store. HTTP and the command line use a {@link Store}: each member covers one subject,
 * takes the calling principal, and returns data. Only the code behind this interface knows whether there are several
 * databases, and which domain is in which.
 *
 * @example
 * ```ts
 * const store = await openStore({ url: "file:data/apportion.db" }, ({ url }) => openFile(url));
 * const result = await store.pools.create(principal, "home", declared);
 * if (result.kind === "overlaps") console.log(result.range);
 * store.close();
 * ```
 *
 * @module
 */
import { createAuditStore } from "./configuration/audit.ts";
import type { AuditStore } from "./configuration/audit.ts";
import { createDeclarationStore } from "./configuration/declaration.ts";
import type { DeclarationStore } from "./configuration/declaration.ts";
import { databaseKey, filePathOf, isFileUrl } from "./database/database-url.ts";
import { createDomainStore } from "./configuration/domains.ts";
import type { DomainStore } from "./configuration/domains.ts";
import { createPoolStore } from "./configuration/pools.ts";
import type { PoolStore } from "./configuration/pools.ts";
import { createReservationStore } from "./configuration/reservations.ts";
import type { ReservationStore } from "./configuration/reservations.ts";
import { createTokenStore } from "./configuration/tokens.ts";
import type { TokenStore } from "./configuration/tokens.ts";
import type { Database, FileEvent } from "./database/database.ts";
import { allDatabases } from "./database/databases.ts";
import type { Databases } from "./database/databases.ts";
import { createBindingStore } from "./evidence/bindings.ts";
import type { BindingStore } from "./evidence/bindings.ts";
import { createClockStore } from "./evidence/clock.ts";
import type { ClockStore } from "./evidence/clock.ts";
import { createLeaseStore } from "./evidence/leases.ts";
import type { LeaseStore } from "./evidence/leases.ts";
import { createLookupStore } from "./evidence/history.ts";
import type { LookupStore } from "./evidence/history.ts";
import { createMaintenance } from "./evidence/maintenance.ts";
import type { Maintenance } from "./evidence/maintenance.ts";
import { createStatisticsStore } from "./evidence/statistics.ts";
import type { StatisticsStore } from "./evidence/statistics.ts";
import { createPartitions } from "./partition.ts";
import type { Partition } from "./partition.ts";

export { DatabaseError, isDatabaseError, isUnmigrated } from "./database/database.ts";
export { isRefusal } from "./database/refusal.ts";
export { inSlices } from "./database/slices.ts";
export { checkDatabaseUrl, databaseUrlForms, showDatabaseUrl } from "./database/database-url.ts";
export type { ClockEvent, FileEvent, FileFault } from "./database/database.ts";

/** The whole store, by subject. */
export interface Store {
  /** One partition for each database, for the allocator. The main database comes first. */
  readonly partitions: readonly [Partition, ...Partition[]];
  readonly domains: DomainStore;
  readonly pools: PoolStore;
  readonly reservations: ReservationStore;
  readonly tokens: TokenStore;
  readonly audit: AuditStore;
  /** The whole configuration as one declared state. */
  readonly declaration: DeclarationStore;
  readonly leases: LeaseStore;
  /** Looks up which client had an address and a port at a given time. */
  readonly lookups: LookupStore;
  readonly bindings: BindingStore;
  readonly statistics: StatisticsStore;
  /** What the clocks of the databases show, and how they are set. */
  readonly clock: ClockStore;
  /** Checks and housekeeping, for tools and timers. */
  readonly maintenance: Maintenance;
  /** Adds a listener for what happens to the files of databases. It is called at once for the current state. */
  readonly onFileEvent: (listener: (event: FileEvent) => void) => void;
  /** Closes all databases. */
  readonly close: () => void;
}

/** The URL of a database, and its token. */
export interface DatabaseAccess {
  /** `file:PATH`, `http(s)://…` or `libsql://…`. */
  readonly url: string;
  readonly token?: string | undefined;
  /** Name of the setting that has the URL, for error messages. */
  readonly setting?: string | undefined;
}

/** The URLs and tokens of all databases. */
export interface StoreSettings extends DatabaseAccess {
  /** Name of a domain -> the other database that stores it. Default: none. */
  readonly placements?: Readonly<Record<string, DatabaseAccess>> | undefined;
}

/**
 * Opens a store. Domains in the same database share a connection, however its URL is written.
 *
 * @param open Opens one database; each platform provides its own function.
 * @param identifyFile Identifies the file at a path; it returns undefined when there is none. Omitted where there are no files.
 * @throws {DatabaseError} When a database cannot be opened.
 */
export async function openStore(
  { placements = {}, ...access }: StoreSettings,
  open: (access: DatabaseAccess) => Database | Promise<Database>,
  identifyFile: (path: string) => string | undefined = () => undefined,
): Promise<Store> {
  const keyOf = (url: string) =>
    (isFileUrl(url) ? identifyFile(filePathOf(url)) : undefined) ?? databaseKey(url);
  const main = await open(access);
  const opened = new Map([[keyOf(access.url), main]]);
  const placed = new Map<string, Database>();
  for (const [domain, each] of Object.entries(placements)) {
    const database = opened.get(keyOf(each.url)) ?? (await open(each));
    // The file may be new, so its key is known only now.
    opened.set(keyOf(each.url), database);
    placed.set(domain, database);
  }
  return createStore({ main, placed });
}

/** Creates a store from databases that are already open. */
export function createStore(databases: Databases): Store {
  return {
    partitions: createPartitions(databases),
    domains: createDomainStore(databases),
    pools: createPoolStore(databases),
    reservations: createReservationStore(databases),
    tokens: createTokenStore(databases),
    audit: createAuditStore(databases),
    declaration: createDeclarationStore(databases),
    leases: createLeaseStore(databases),
    lookups: createLookupStore(databases),
    bindings: createBindingStore(databases),
    statistics: createStatisticsStore(databases),
    clock: createClockStore(databases),
    maintenance: createMaintenance(databases),
    onFileEvent: (listener) => {
      for (const database of allDatabases(databases)) database.onFileEvent?.(listener);
    },
    close: () => {
      for (const database of allDatabases(databases)) database.close();
    },
  };
}
