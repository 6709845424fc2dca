/**
 * The allocator on Cloudflare Workers. The databases are libSQL servers over HTTP; they are migrated and given their
 * domains from a command line, not here.
 *
 * @module
 */
import type { Hono } from "hono";
import { createApp } from "../http/app.ts";
import { createCounters } from "../http/counters.ts";
import { openServer } from "../store/connect.ts";
import { openDatabases, readConfig } from "./config.ts";
import { consoleLog } from "./console-log.ts";

/** One application for each isolate, made at its first request: an isolate gets its bindings with a request. */
let app: Promise<Hono> | undefined;

async function createWorkerApp(environment: Readonly<Record<string, unknown>>): Promise<Hono> {
  const config = readConfig(environment);
  const { main, placed } = await openDatabases(config, ({ url, token }) =>
    openServer({ url, authToken: token }),
  );
  const { relayToken } = config;
  return createApp({ database: main, placed, relayToken, log: consoleLog, counters: createCounters() });
}

export default {
  async fetch(request, environment: Readonly<Record<string, unknown>>, context) {
    app ??= createWorkerApp(environment);
    return (await app).fetch(request, environment, context);
  },
} satisfies ExportedHandler<Readonly<Record<string, unknown>>>;
