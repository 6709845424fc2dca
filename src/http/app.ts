/**
 * The allocator as an HTTP application.
 *
 * @example
 * ```ts
 * const app = createApp({ database, relayToken, log, counters: createCounters() });
 * const response = await app.request("/readyz");
 * ```
 *
 * @module
 */
import type { Client } from "@libsql/client";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { relayBodyOctetsMax } from "../limits.ts";
import { relayAuth } from "./auth.ts";
import type { Counters } from "./counters.ts";
import { createPlacedPipeline } from "./placement.ts";
import { problem, problemResponse } from "./problem.ts";
import { relayEndpoint } from "./relay-endpoint.ts";

/** Where the application writes what an operator should know; pino has this form. */
export interface Log {
  readonly info: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}

/** What the application works with. */
export interface AppDeps {
  readonly database: Client;
  /** Databases of the domains that are not in `database`: name of the domain -> database. Default: none. */
  readonly placed?: ReadonlyMap<string, Client> | undefined;
  /** The secret of the relays. */
  readonly relayToken: string;
  readonly log: Log;
  readonly counters: Counters;
  /** Unix seconds to judge leases by, in place of the database's clock: for tests. */
  readonly now?: (() => number | undefined) | undefined;
}

/** Seconds after which a relay may try again when the database can't be reached. */
const retryAfterSeconds = 1;

/** Creates the application. It starts no work of its own, and listens nowhere. */
export function createApp({ relayToken, log, database, placed = new Map(), counters, now }: AppDeps): Hono {
  const pipeline = createPlacedPipeline({ databases: { main: database, placed }, counters, now, log });
  const app = new Hono();
  const limit = bodyLimit({
    maxSize: relayBodyOctetsMax,
    onError: () => {
      throw problem(
        413,
        `Cannot read the body: found more than ${relayBodyOctetsMax} octets, expected at most that`,
      );
    },
  });
  app.post("/v1/relay", relayAuth(relayToken), limit, relayEndpoint(pipeline));
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", async (context) => {
    await pipeline.probe();
    return context.json({ status: "ready" });
  });
  app.notFound((context) => problemResponse(404, `Cannot find ${context.req.method} ${context.req.path}`));
  app.onError((error) => (error instanceof HTTPException ? error.getResponse() : failure(error, log)));
  return app;
}

/** What is not the fault of the request: the database, or a fault of ours. */
function failure(error: Error, log: Log): Response {
  if (!isDatabaseError(error)) {
    log.error({ err: error }, "unexpected error");
    return problemResponse(500, "Cannot serve the request; the log of the allocator says why");
  }
  log.error({ err: error }, "database unavailable");
  const headers = { "retry-after": String(retryAfterSeconds) };
  return problemResponse(503, "Cannot reach the database; nothing was answered, try again", headers);
}

/** The client wraps what the database says; what `fetch` says comes as it is, and names itself in its message only. */
function isDatabaseError(error: Error): boolean {
  return (
    error.name.startsWith("Libsql") || (error instanceof TypeError && /fetch|network/i.test(error.message))
  );
}
