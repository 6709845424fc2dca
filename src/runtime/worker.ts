/**
 * The allocator on Cloudflare Workers. The databases are libSQL servers over HTTP; they are migrated and given their
 * domains from a command line, not here.
 *
 * @module
 */
import type { Hono } from "hono";
import { createApp } from "../http/app.ts";
import { createCounters } from "../allocator/counters.ts";
import { bindingLogDays } from "../limits.ts";
import { openServer } from "../store/database/connect.ts";
import type { Databases } from "../store/database/databases.ts";
import { openDatabases, readConfig } from "./config.ts";
import { consoleLog as log } from "./console-log.ts";
import { keepAllHouses } from "./housekeeping.ts";

type Environment = Readonly<Record<string, unknown>>;

/** One application for each isolate, made at its first request: an isolate gets its bindings with a request. */
let app: Promise<Hono> | undefined;

function openServers(environment: Environment): Promise<Databases> {
  return openDatabases(readConfig(environment), ({ url, token }) => openServer({ url, authToken: token }));
}

async function createWorkerApp(environment: Environment): Promise<Hono> {
  const { relayToken, adminToken } = readConfig(environment);
  const { main: database, placed } = await openServers(environment);
  return createApp({
    database,
    placed,
    relayToken,
    adminToken,
    log,
    counters: createCounters(),
    clientAddress: (context) => context.req.header("cf-connecting-ip"),
  });
}

export default {
  async fetch(request, environment: Environment, context) {
    app ??= createWorkerApp(environment);
    return (await app).fetch(request, environment, context);
  },
  async scheduled(_controller, environment: Environment) {
    const { historyDays } = readConfig(environment);
    await keepAllHouses(await openServers(environment), { historyDays, bindingLogDays }, log);
  },
} satisfies ExportedHandler<Environment>;
