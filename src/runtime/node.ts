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
import { createCounters } from "../http/counters.ts";
import type { Counters } from "../http/counters.ts";
import type { Log } from "../http/log.ts";
import { formatOfFile, readDeclarationText } from "../lease/declaration-text.ts";
import type { Declaration } from "../lease/declaration.ts";
import { applyDeclaration } from "../store/apply.ts";
import { openDatabase } from "../store/connect.ts";
import { openEmbedded } from "../store/embedded.ts";
import { migrateDatabase } from "../store/migrate.ts";
import type { AllocatorConfig } from "./config.ts";

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

type DatabaseSettings = Pick<AllocatorConfig, "databaseUrl" | "databaseToken">;

/**
 * Opens the database, creating a file where there is none, and brings it to this release's schema.
 *
 * @throws {LibsqlError} When it can't be opened or migrated.
 */
export async function prepareDatabase(config: DatabaseSettings): Promise<Client> {
  const database = await openAny(config);
  await migrateDatabase(database);
  return database;
}

async function openAny({ databaseUrl, databaseToken }: DatabaseSettings): Promise<Client> {
  if (!databaseUrl.startsWith("file:")) return openDatabase({ url: databaseUrl, authToken: databaseToken });
  await mkdir(dirname(databaseUrl.slice("file:".length)), { recursive: true });
  return openEmbedded(databaseUrl);
}

/**
 * Makes the database hold a declared state, and logs what changed.
 *
 * @throws {ApplyError} When it can't.
 */
export async function configureDatabase(database: Client, declaration: Declaration, log: Log): Promise<void> {
  for (const { what, name, change } of await applyDeclaration(database, declaration)) {
    log.info({ [what]: name, change }, "declared state applied");
  }
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

/** Serves a database that is ready. */
export async function startAllocator(
  database: Client,
  tokens: AllocatorTokens,
  listen: ListenAddress,
  log: Log,
): Promise<Allocator> {
  const counters = createCounters();
  const app = createApp({ database, ...tokens, log, counters, clientAddress });
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
      database.close();
    },
  };
}
