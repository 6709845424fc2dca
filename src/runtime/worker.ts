/**
 * The allocator on Cloudflare Workers. Its databases are libSQL servers, reached over HTTP. They are migrated and
 * configured from a command line, not here.
 *
 * @module
 */
import type { Hono } from "hono";
import { createApp } from "../http/app.ts";
import { createCounters } from "../allocator/counters.ts";
import { bindingLogDays } from "../limits.ts";
import { openServer } from "../store/database/server.ts";
import { openStore } from "../store/store.ts";
import type { Store } from "../store/store.ts";
import { readConfig } from "./config.ts";
import { consoleLog as log } from "./console-log.ts";
import { runHousekeeping } from "./housekeeping.ts";

type Environment = Readonly<Record<string, unknown>>;

/** The application of this isolate. It is created at the first request, because bindings arrive with a request. */
let app: Promise<Hono> | undefined;

function openWorkerStore(environment: Environment): Promise<Store> {
  return openStore(readConfig(environment).store, ({ url, token }) => openServer({ url, authToken: token }));
}

async function createWorkerApp(environment: Environment): Promise<Hono> {
  const { relayToken, adminToken } = readConfig(environment);
  return createApp({
    store: await openWorkerStore(environment),
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
    const { maintenance } = await openWorkerStore(environment);
    await runHousekeeping(maintenance, { historyDays, bindingLogDays }, log);
  },
} satisfies ExportedHandler<Environment>;
