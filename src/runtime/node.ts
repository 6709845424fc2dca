/**
 * The allocator on Node: an HTTP server that migrates and configures its own databases.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import { createCounters } from "../allocator/counters.ts";
import type { Counters } from "../allocator/counters.ts";
import type { Log } from "../allocator/log.ts";
import { formatOfFile, readDeclarationText } from "../declaration/declaration-text.ts";
import type { Declaration } from "../declaration/declaration.ts";
import { warningsOf } from "../declaration/domain-settings.ts";
import { createApp } from "../http/app.ts";
import { createClientAddress } from "../http/client-address.ts";
import { ApplyError } from "../store/configuration/apply.ts";
import { notNamed } from "../store/configuration/draft.ts";
import { keptBecause } from "../store/configuration/plan-unnamed.ts";
import type { FileMode } from "../store/configuration/ownership.ts";
import { filePrincipal } from "../store/configuration/declaration.ts";
import type { Database } from "../store/database/database.ts";
import { openFile } from "../store/database/file.ts";
import { filePathOf } from "../store/database/file-path.ts";
import { migrateDatabase } from "../store/database/migrate.ts";
import type { MigrationReport } from "../store/database/migrate.ts";
import { openServer } from "../store/database/server.ts";
import { openStore } from "../store/store.ts";
import type { DatabaseAccess, Store, StoreSettings } from "../store/store.ts";
import type { AllocatorConfig } from "./config.ts";
import { startHttpServer } from "./http-server.ts";
import type { ListenAddress } from "./http-server.ts";
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
 * Opens a store and migrates its databases. A missing database file is created.
 *
 * @param answerMsMax Milliseconds that a database server may take for one response. Default: `databaseAnswerMsMax`.
 * @returns The open store.
 * @throws {DatabaseError} When a database cannot be opened or migrated.
 * @throws {NewerSchemaError} When a later release has migrated a database.
 */
export function prepareStore(settings: StoreSettings, answerMsMax?: number): Promise<Store> {
  return openStore(settings, async (access) => {
    const database = await openDatabase(access, answerMsMax);
    await migrateDatabase(database);
    return database;
  });
}

/**
 * Opens a database without migrating it. A missing database file is created.
 *
 * @param answerMsMax Milliseconds that a database server may take for one response. Default: `databaseAnswerMsMax`.
 * @returns The open database.
 * @throws {DatabaseError} When a file cannot be opened.
 */
export async function openDatabase({ url, token }: DatabaseAccess, answerMsMax?: number): Promise<Database> {
  if (url.startsWith("file:")) {
    await mkdir(dirname(filePathOf(url)), { recursive: true });
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
 * Opens a database that must exist. A mistyped file name is an error and does not create an empty file.
 *
 * @param answerMsMax Milliseconds that a database server may take for one response. Default: `databaseAnswerMsMax`.
 * @returns The open database.
 * @throws {Error} When the file does not exist.
 * @throws {DatabaseError} When it cannot be opened.
 */
export async function openExistingDatabase(access: DatabaseAccess, answerMsMax?: number): Promise<Database> {
  if (access.url.startsWith("file:") && !existsSync(filePathOf(access.url))) {
    throw new Error(`Cannot open ${access.url}: found no file, expected a database`);
  }
  return openDatabase(access, answerMsMax);
}

/**
 * Migrates one database to the schema of this release.
 *
 * @param answerMsMax Milliseconds that a database server may take for one response.
 * @returns The report of the migration.
 * @throws {DatabaseError} When the database cannot be reached, or a migration fails.
 * @throws {NewerSchemaError} When a later release has migrated the database.
 */
export async function migrate(access: DatabaseAccess, answerMsMax: number): Promise<MigrationReport> {
  const database = await openDatabase(access, answerMsMax);
  try {
    return await migrateDatabase(database);
  } finally {
    database.close();
  }
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
  for (const { name, siteLeasesMax } of directories.flatMap(({ domains }) => domains)) {
    for (const warning of warningsOf(name, siteLeasesMax)) log.warn({ domain: name }, warning);
  }
}

/**
 * Reads a declared state from a file, as YAML or JSON depending on the file name extension.
 *
 * @returns The checked declared state.
 * @throws {DeclarationError} When the content is not a declared state.
 * @throws {SyntaxError} When the file is neither YAML nor JSON.
 */
export async function readDeclaration(path: string): Promise<Declaration> {
  return readDeclarationText(await readFile(path, "utf8"), formatOfFile(path), path);
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
  const { arrivedMs, recordConnection, stop: stopWatch } = watchRequests();
  const clientOf = createClientAddress(trustedProxies);
  const clientAddress = (context: Context): string | undefined =>
    clientOf(getConnInfo(context).remote.address, (name) => context.req.header(name));
  const app = createApp({ store, relayToken, adminToken, log, counters, clientAddress, arrivedMs });
  const { address, close } = await startHttpServer(app.fetch, {
    listen,
    log,
    onConnection: recordConnection,
  }).catch((error: unknown) => {
    stopWatch();
    throw error;
  });
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${host}:${address.port}`,
    counters,
    close: async () => {
      await close();
      stopWatch();
      store.close();
    },
  };
}
