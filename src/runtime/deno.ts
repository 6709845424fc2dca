/**
 * The allocator on Deno: what `deno serve` and Deno Deploy call. A database file is opened, migrated and kept by this
 * process; a libSQL server is migrated from a command line, as for Workers.
 *
 * ```sh
 * deno serve --port 8467 --allow-env --allow-net src/runtime/deno.ts
 * ```
 *
 * @module
 */
import process from "node:process";
import { createApp } from "../http/app.ts";
import { createCounters } from "../http/counters.ts";
import { openServer } from "../store/connect.ts";
import { openDatabases, readConfig } from "./config.ts";
import type { DatabaseAccess } from "./config.ts";
import { consoleLineLog } from "./console-log.ts";

/** The driver of files is native code, which wants permissions of its own: who has a server never loads it. */
async function openAccess(access: DatabaseAccess) {
  if (!access.url.startsWith("file:")) return openServer({ url: access.url, authToken: access.token });
  const [{ openEmbedded }, { migrateDatabase }] = await Promise.all([
    import("../store/embedded.ts"),
    import("../store/migrate.ts"),
  ]);
  const database = await openEmbedded(access.url);
  await migrateDatabase(database);
  return database;
}

const config = readConfig(process.env);
const { main, placed } = await openDatabases(config, openAccess);
const { relayToken } = config;
const app = createApp({
  database: main,
  placed,
  relayToken,
  log: consoleLineLog,
  counters: createCounters(),
});

export default {
  fetch: (request: Request): Response | Promise<Response> => app.fetch(request),
};
