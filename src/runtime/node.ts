/**
 * The allocator on Node: an HTTP server, and a database that it migrates and configures itself.
 *
 * @module
 */
import { mkdir, readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { serve } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Client } from "@libsql/client";
import type { Context } from "hono";
import { createApp } from "../http/app.ts";
import { createCounters } from "../allocator/counters.ts";
import type { Counters } from "../allocator/counters.ts";
import type { Log } from "../allocator/log.ts";
import { formatOfFile, readDeclarationText } from "../declaration/declaration-text.ts";
import type { Declaration } from "../declaration/declaration.ts";
import { applyPlaced } from "../store/configuration/apply-placed.ts";
import { fileOptions } from "../store/configuration/apply.ts";
import { openServer } from "../store/database/connect.ts";
import { allDatabases } from "../store/database/databases.ts";
import type { Databases } from "../store/database/databases.ts";
import { openEmbedded } from "../store/database/embedded.ts";
import { migrateDatabase } from "../store/database/migrate.ts";
import { openDatabases } from "./config.ts";
import type { AllocatorConfig, DatabaseAccess, DatabaseSettings } from "./config.ts";
import { createPooledFetch } from "./pooled-fetch.ts";

/** Where the HTTP server listens; port 0 lets the system choose one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Secrets that are known without the database. */
export type AllocatorTokens = Pick<AllocatorConfig, "relayToken" | "adminToken">;

/** A running allocator. */
export interface Allocator {
  readonly url: string;
  readonly counters: Counters;
  /** Answers what has begun, then stops. */
  readonly close: () => Promise<void>;
}

/**
 * Opens the database, creating a file where there is none, and brings it to this release's schema.
 *
 * @throws {LibsqlError} When it can't be opened or migrated.
 * @throws {NewerSchemaError} When it is of a later release.
 */
export async function prepareDatabase(config: DatabaseSettings): Promise<Client> {
  return prepareAccess({ url: config.databaseUrl, token: config.databaseToken });
}

/** Prepares all databases of an allocator as {@link prepareDatabase} does one, and throws what it throws. */
export async function prepareDatabases(config: DatabaseSettings): Promise<Databases> {
  return openDatabases(config, prepareAccess);
}

async function prepareAccess(access: DatabaseAccess): Promise<Client> {
  const database = await openAccess(access);
  await migrateDatabase(database);
  return database;
}

/**
 * Opens a database as it is; a file is created where there is none.
 *
 * @param answerMsMax Milliseconds that a server may take for one answer. Default: what suits an allocator.
 * @throws {LibsqlError} When a file can't be opened.
 */
export async function openAccess({ url, token }: DatabaseAccess, answerMsMax?: number): Promise<Client> {
  if (url.startsWith("file:")) {
    await mkdir(dirname(url.slice("file:".length)), { recursive: true });
    return openEmbedded(url);
  }
  const { fetch, close: closeConnections } = createPooledFetch();
  const database = openServer({ url, authToken: token, fetch, answerMsMax });
  const close = database.close.bind(database);
  return Object.assign(database, {
    close: () => {
      close();
      void closeConnections();
    },
  });
}

/**
 * Makes the databases hold a declared state, each its own domains, and logs what changed.
 *
 * @throws {ApplyError} When they can't.
 */
export async function configureDatabases(
  databases: Databases,
  declaration: Declaration,
  log: Log,
): Promise<void> {
  const steps = await applyPlaced(databases, declaration, fileOptions);
  for (const { what, name, change } of steps) log.info({ [what]: name, change }, "declared state applied");
}

/**
 * Reads a declared state from a file: YAML when its name ends so, else JSON.
 *
 * @throws {DeclarationError} When it is not one.
 * @throws {SyntaxError} When the file is neither.
 */
export async function readDeclaration(path: string): Promise<Declaration> {
  return readDeclarationText(await readFile(path, "utf8"), formatOfFile(path), path);
}

/** Without a socket there is no address: then the application was called and not asked over HTTP. */
const clientAddress = (context: Context): string | undefined => getConnInfo(context).remote.address;

/** Serves databases that are ready. */
export async function startAllocator(
  databases: Databases,
  tokens: AllocatorTokens,
  listen: ListenAddress,
  log: Log,
): Promise<Allocator> {
  const counters = createCounters();
  const { main: database, placed } = databases;
  const app = createApp({ database, placed, ...tokens, log, counters, clientAddress });
  const { server, address } = await new Promise<{ server: ReturnType<typeof serve>; address: AddressInfo }>(
    (resolve, reject) => {
      const starting = serve({ fetch: app.fetch, hostname: listen.host, port: listen.port }, (bound) => {
        resolve({ server: starting, address: bound });
      });
      starting.once("error", reject);
    },
  );
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${host}:${address.port}`,
    counters,
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
      for (const each of allDatabases(databases)) each.close();
    },
  };
}
