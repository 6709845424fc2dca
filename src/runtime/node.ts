/**
 * The allocator on Node: an HTTP server that migrates and configures its own databases.
 *
 * @module
 */
import { statSync } from "node:fs";
import { basename } from "node:path";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import { createCounters } from "../allocator/counters.ts";
import { startSummaries } from "../allocator/summary.ts";
import type { Counters } from "../allocator/counters.ts";
import type { Log } from "../allocator/log.ts";
import { formatOfFile, readDeclarationText } from "../declaration/declaration-text.ts";
import { DeclarationError } from "../declaration/declaration.ts";
import type { Declaration } from "../declaration/declaration.ts";
import { warningsOf } from "../declaration/domain-settings.ts";
import { exitCodes, UsageError } from "../failure.ts";
import { createService } from "../http/app.ts";
import { createClientAddress } from "../http/client-address.ts";
import { configBodyOctetsMax, faultsShownMax } from "../limits.ts";
import { ApplyError } from "../store/configuration/apply.ts";
import { notNamed } from "../store/configuration/draft.ts";
import { keptBecause } from "../store/configuration/plan-unnamed.ts";
import type { FileMode } from "../store/configuration/ownership.ts";
import { filePrincipal } from "../store/configuration/declaration.ts";
import type { Database } from "../store/database/database.ts";
import { openFile } from "../store/database/file.ts";
import { identifyFile } from "../store/database/file-identity.ts";
import { filePathOf, isFileUrl } from "../store/database/database-url.ts";
import { assertMigrated, migrateDatabase } from "../store/database/migrate.ts";
import type { MigrationReport } from "../store/database/migrate.ts";
import { openServer } from "../store/database/server.ts";
import { isDatabaseError, openStore } from "../store/store.ts";
import type { DatabaseAccess, Store, StoreSettings } from "../store/store.ts";
import { databaseRetryMs, summaryIntervalMs } from "../limits.ts";
import { createProcessRegistry } from "../process-metrics.ts";
import { readTextFile } from "../text-file.ts";
import { backgroundLater, systemTiming } from "../timing.ts";
import type { Timing } from "../timing.ts";
import type { AllocatorConfig } from "./config.ts";
import { createDefaultFolder } from "./default-folder.ts";
import { startHttpServer } from "./http-server.ts";
import type { ListenAddress } from "./http-server.ts";
import { describeLoss, describeOpening, OpeningError, refuseUnwritable } from "./opening-fault.ts";
import { createPooledFetch } from "./pooled-fetch.ts";
import { watchRequests } from "./watch-requests.ts";

/** Access settings: tokens from the environment, which are not in the database, and trusted proxies. */
export interface AccessSettings extends Pick<AllocatorConfig, "relayToken" | "adminToken"> {
  /** Proxies whose headers name the client. Default: none. */
  readonly trustedProxies?: AllocatorConfig["trustedProxies"] | undefined;
}

/** A running allocator. */
export interface Allocator {
  readonly url: string;
  readonly counters: Counters;
  /** Finishes the requests in progress, within a grace time, then stops the server and closes the store. */
  readonly close: () => Promise<void>;
}

/**
 * Opens a store and migrates its databases. A missing database file is created, but no folder.
 *
 * @param answerMsMax Milliseconds that a database server may take for one response. Default: `databaseAnswerMsMax`.
 * @returns The open store.
 * @throws {OpeningError} When a database cannot be opened or migrated.
 */
export function prepareStore(settings: StoreSettings, answerMsMax?: number): Promise<Store> {
  return openStore(
    settings,
    async (access) => {
      const database = await openDatabase(access, answerMsMax);
      await useOrClose(access, database, (open) => migrateWritable(access, open));
      return database;
    },
    identifyFile,
  );
}

/** How a service waits for a database server. */
export interface Waiting {
  /** Called each time that a server does not answer, before it is tried again. */
  readonly onAway?: (problem: string) => void;
  /** Default: real time. */
  readonly later?: Timing["later"];
}

/**
 * Opens a store like {@link prepareStore}, for a service, and does its first work: while a database server does not
 * answer, it says so and tries again, as a relay does with an allocator. Whatever else is wrong ends the process, because
 * waiting does not mend it.
 *
 * @param begin The first work. It is repeated, on a new store, if a server stops answering meanwhile.
 * @throws {OpeningError} When a database cannot be opened or migrated.
 */
export async function awaitStore(
  settings: StoreSettings,
  log: Log,
  begin: (store: Store) => Promise<void>,
  { onAway, later = systemTiming.later }: Waiting = {},
): Promise<Store> {
  for (;;) {
    try {
      const store = await prepareStore(settings);
      await beginOrClose(store, begin);
      return store;
    } catch (error) {
      if (!(error instanceof OpeningError) || !error.isTemporary) throw error;
      log.warn({ error: error.message }, `not serving yet: trying again in ${databaseRetryMs / 1000} s`);
      onAway?.(error.message);
      await new Promise<void>((resolve) => void later(resolve, databaseRetryMs));
    }
  }
}

/** Does the first work on a store. If it fails, the store is closed again. */
async function beginOrClose(store: Store, begin: (store: Store) => Promise<void>): Promise<void> {
  try {
    await begin(store);
  } catch (error) {
    store.close();
    throw isDatabaseError(error) ? (describeLoss(error) ?? error) : error;
  }
}

/** Migrates a database that this process may write. */
async function migrateWritable(access: DatabaseAccess, database: Database): Promise<MigrationReport> {
  if (isFileUrl(access.url)) refuseUnwritable(access, filePathOf(access.url));
  return migrateDatabase(database);
}

/** Does the first work on a database. If it fails, the database is closed again. */
async function useOrClose<T>(
  access: DatabaseAccess,
  database: Database,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  try {
    return await work(database);
  } catch (error) {
    database.close();
    throw describeOpening(access, error);
  }
}

/**
 * Opens a database without migrating it. A missing database file is created, but no folder: a misspelt one would
 * become an empty database without a word. Only `data`, the folder of the guides, is created.
 *
 * @param answerMsMax Milliseconds that a database server may take for one response. Default: `databaseAnswerMsMax`.
 * @returns The open database.
 * @throws {OpeningError} When a file cannot be opened, or the URL is none.
 */
// eslint-disable-next-line @typescript-eslint/require-await -- async turns an error into a rejection
export async function openDatabase(access: DatabaseAccess, answerMsMax?: number): Promise<Database> {
  try {
    return openAny(access, answerMsMax);
  } catch (error) {
    throw describeOpening(access, error);
  }
}

function openAny({ url, token }: DatabaseAccess, answerMsMax?: number): Database {
  if (isFileUrl(url)) {
    createDefaultFolder(filePathOf(url));
    return openFile(url);
  }
  const { fetch, close: closeConnections } = createPooledFetch();
  const database = openServer({ url, authToken: token, fetch, answerMsMax });
  return {
    ...database,
    close: () => {
      database.close();
      void closeConnections();
    },
  };
}

/**
 * Opens a database that must exist and have the schema of this release. A mistyped file name is an error and does not
 * create an empty file.
 *
 * @param answerMsMax Milliseconds that a database server may take for one response. Default: `databaseAnswerMsMax`.
 * @returns The open database.
 * @throws {OpeningError} When it cannot be opened.
 */
export async function openExistingDatabase(access: DatabaseAccess, answerMsMax?: number): Promise<Database> {
  const database = await openFound(access, answerMsMax);
  await useOrClose(access, database, assertMigrated);
  return database;
}

/**
 * Opens a store whose databases exist, and migrates them.
 *
 * @throws {OpeningError} When a database does not exist, or cannot be opened or migrated.
 */
export function openExistingStore(settings: StoreSettings): Promise<Store> {
  return openStore(
    settings,
    async (access) => {
      const database = await openFound(access);
      await useOrClose(access, database, (open) => migrateWritable(access, open));
      return database;
    },
    identifyFile,
  );
}

function openFound(access: DatabaseAccess, answerMsMax?: number): Promise<Database> {
  const { url, setting } = access;
  const found = isFileUrl(url) ? missingDatabase(access) : undefined;
  if (found === undefined) return openDatabase(access, answerMsMax);
  const of = setting === undefined ? "" : ` of ${setting}`;
  const message = `Cannot open the database ${url}${of}: found ${found}, expected a database: correct the path`;
  throw new OpeningError(message, { exitCode: exitCodes.usage });
}

/** @returns What the file is, if it is not a database: SQLite would turn it into a new one. */
function missingDatabase(access: DatabaseAccess): string | undefined {
  try {
    const stats = statSync(filePathOf(access.url), { throwIfNoEntry: false });
    if (stats === undefined) return "no file";
    return stats.isFile() && stats.size === 0 ? "an empty file" : undefined;
  } catch (error) {
    // Opening says what is wrong with a path that the system refuses.
    if (isDatabaseError(error)) throw describeOpening(access, error);
    return undefined;
  }
}

/**
 * Migrates one database to the schema of this release.
 *
 * @param answerMsMax Milliseconds that a database server may take for one response.
 * @returns The report of the migration.
 * @throws {OpeningError} When the database cannot be reached, or a migration fails.
 */
export async function migrate(access: DatabaseAccess, answerMsMax: number): Promise<MigrationReport> {
  const database = await openDatabase(access, answerMsMax);
  const report = await useOrClose(access, database, (open) => migrateWritable(access, open));
  database.close();
  return report;
}

/** How the flag `--config-mode` has a file applied. Default: `own`, but not over what operators have set. */
export type ConfigMode = FileMode["mode"] | undefined;

/** @returns The mode of a file. Its owner is its base name, which tells callers of the API nothing about the machine. */
export function fileModeOf(path: string, mode: ConfigMode): FileMode {
  return { name: basename(path), mode: mode ?? "own", mayOverwrite: mode === "own" };
}

/**
 * Applies the declared state of a file, and logs the steps. Domains, pools and reservations that it does not name are
 * kept.
 *
 * @param file How the file is applied. Default: the state is no file's, and nobody owns what it names.
 * @throws {ApplyError} When the state is refused.
 * @throws {DatabaseError} When a database cannot be reached.
 */
export async function applyFile(
  store: Store,
  declaration: Declaration,
  log: Log,
  file?: FileMode,
): Promise<void> {
  const result = await store.declaration.apply(filePrincipal, declaration, { unnamed: "keep", file });
  if (result.kind !== "applied") throw new ApplyError(result.kind === "refused" ? result.steps : []);
  for (const { what, name, change, fields, reason } of result.steps) {
    // An operator must see what the file replaces, and what it does not get.
    const isNotable = reason !== undefined && change !== "unchanged" && !isOfOthers(reason, file);
    const level = isNotable ? "warn" : "info";
    log[level](
      { [what]: name, change, ...(fields && { fields }), ...(reason !== undefined && { reason }) },
      "declared state applied",
    );
  }
}

/** Whether a step is about what the file never named: another file's, or set through the API. */
const isOfOthers = (reason: string, file: FileMode | undefined): boolean =>
  reason === notNamed || (reason.startsWith(notNamed) && reason !== keptBecause(file?.name ?? null));

/**
 * Logs what an operator should know about the domains that are served.
 *
 * @throws {DatabaseError} When a database cannot be reached.
 */
export async function logWarnings(store: Store, log: Log): Promise<void> {
  const directories = await Promise.all(store.partitions.map((partition) => partition.loadDirectory()));
  for (const domain of directories.flatMap(({ domains }) => domains)) {
    for (const warning of warningsOf(domain)) log.warn({ domain: domain.name }, warning);
  }
  // An old database may have as many as it has pools.
  const unusable = await store.maintenance.findUnusable();
  for (const found of unusable.slice(0, faultsShownMax)) log.warn({ found }, "clients cannot use this");
}

/**
 * Reads a declared state from a file, as YAML or JSON depending on the file name extension.
 *
 * @returns The checked declared state.
 * @throws {DeclarationError} When the content is not a declared state.
 * @throws {UsageError} When the file cannot be read, or is neither YAML nor JSON.
 */
// eslint-disable-next-line @typescript-eslint/require-await -- async turns an error into a rejection
export async function readDeclaration(path: string): Promise<Declaration> {
  const text = readConfigFile(path);
  try {
    return readDeclarationText(text, formatOfFile(path), path);
  } catch (error) {
    if (error instanceof DeclarationError) throw error.inFile(text, path);
    throw error instanceof SyntaxError ? new UsageError(error.message, { cause: error }) : error;
  }
}

function readConfigFile(path: string): string {
  try {
    return readTextFile(path, { octetsMax: configBodyOctetsMax, expected: "a declared state" });
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Starts an HTTP server for a store whose databases are migrated.
 *
 * @returns The running allocator.
 * @throws {Error} When the server cannot listen on the address.
 */
export async function startAllocator(
  store: Store,
  { relayToken, adminToken, trustedProxies = [] }: AccessSettings,
  listen: ListenAddress,
  log: Log,
): Promise<Allocator> {
  const counters = createCounters();
  const processRegistry = createProcessRegistry();
  const { arrivedMs, recordConnection, stop: stopWatch } = watchRequests();
  const clientOf = createClientAddress(trustedProxies);
  const clientAddress = (context: Context): string | undefined =>
    clientOf(getConnInfo(context).remote.address, (name) => context.req.header(name));
  const { app, relay } = createService({
    store,
    relayToken,
    adminToken,
    log,
    counters,
    clientAddress,
    arrivedMs,
    processMetrics: () => processRegistry.metrics(),
  });
  const { address, close } = await startHttpServer(app.fetch, {
    listen,
    log,
    relay,
    onConnection: recordConnection,
  }).catch((error: unknown) => {
    stopWatch();
    throw error;
  });
  const stopSummaries = startSummaries(counters, log, {
    intervalMs: summaryIntervalMs,
    later: backgroundLater,
  });
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${host}:${address.port}`,
    counters,
    close: async () => {
      await close();
      stopWatch();
      stopSummaries();
      store.close();
    },
  };
}
