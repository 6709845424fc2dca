/**
 * The allocator on Cloudflare Workers. The database is a libSQL server over HTTP; it is migrated and given its
 * domains from a command line, not here.
 *
 * @module
 */
import type { Hono } from "hono";
import { createApp } from "../http/app.ts";
import { createCounters } from "../http/counters.ts";
import { openDatabase } from "../store/connect.ts";
import { readConfig } from "./config.ts";

/** One application for each isolate, made at its first request: an isolate gets its bindings with a request. */
let app: Promise<Hono> | undefined;

async function createWorkerApp(environment: Readonly<Record<string, unknown>>): Promise<Hono> {
  const { databaseUrl, databaseToken, relayToken, adminToken } = readConfig(environment);
  const database = await openDatabase({ url: databaseUrl, authToken: databaseToken });
  const log = {
    // Workers Logs are paid for by the line.
    debug: () => undefined,
    info: (fields: object, message: string) => {
      console.info({ message, ...fields });
    },
    warn: (fields: object, message: string) => {
      console.warn({ message, ...fields });
    },
    error: (fields: object, message: string) => {
      console.error({ message, ...fields });
    },
  };
  return createApp({
    ...{ database, relayToken, adminToken, log, counters: createCounters() },
    clientAddress: (context) => context.req.header("cf-connecting-ip"),
  });
}

export default {
  async fetch(request, environment: Readonly<Record<string, unknown>>, context) {
    app ??= createWorkerApp(environment);
    return (await app).fetch(request, environment, context);
  },
} satisfies ExportedHandler<Readonly<Record<string, unknown>>>;
