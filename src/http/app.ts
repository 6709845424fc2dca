/**
 * The allocator as an HTTP application.
 *
 * @example
 * ```ts
 * const app = createApp({ store, relayToken, log, counters: createCounters() });
 * const response = await app.request("/readyz");
 * ```
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { databaseRetryAfterSeconds, relayBodyOctetsMax } from "../limits.ts";
import { isDatabaseError } from "../store/store.ts";
import type { ClockEvent, Store } from "../store/store.ts";
import { createAdminApp } from "./admin/app.ts";
import { documentRoutes } from "./openapi/openapi.ts";
import { createGuard } from "./auth.ts";
import type { Counters } from "../allocator/counters.ts";
import { createHistogram, databaseSecondsBounds } from "../allocator/histogram.ts";
import { fileLog } from "./file-log.ts";
import { limitBody } from "./limit-body.ts";
import type { Log } from "../allocator/log.ts";
import { metricsEndpoint } from "./metrics/metrics.ts";
import { createPlacedPipeline } from "../allocator/placement.ts";
import { problemResponse } from "./problem.ts";
import { clockHeaders, recordArrival, relayEndpoint } from "./relay-endpoint.ts";

/** Dependencies of the application. */
export interface AppDeps {
  readonly store: Store;
  /** The bearer token of the relays. */
  readonly relayToken: string;
  /** A token of scope `admin` for creating the first tokens. Without it, the admin API accepts only stored tokens. */
  readonly adminToken?: string | undefined;
  /** Returns the client's address, if the platform reports it. Failed authentications are counted per address. */
  readonly clientAddress?: ((context: Context) => string | undefined) | undefined;
  readonly log: Log;
  readonly counters: Counters;
  /** A monotonic clock of this process, in milliseconds. Default: `performance.now()`. */
  readonly localMs?: (() => number) | undefined;
  /** A time by this clock, not later than the arrival of what is read now. Default: the clock itself. */
  readonly arrivedMs?: (() => number) | undefined;
}

/**
 * Creates the application. It starts no background work and does not listen on a port.
 *
 * @returns The application, whose `fetch` serves requests.
 * @throws {TypeError} When a token is empty.
 */
export function createApp(deps: AppDeps): Hono {
  const { store, log, counters, localMs = () => performance.now(), arrivedMs } = deps;
  const databaseSeconds = createHistogram(databaseSecondsBounds);
  const pipeline = createPlacedPipeline({
    partitions: store.partitions,
    counters,
    databaseSeconds,
    log,
    localMs,
  });
  store.clock.onEvent(clockLog(log));
  store.onFileEvent(fileLog(log));
  const guard = createGuard({ ...deps, localMs });
  const app = new Hono();
  const limit = limitBody(relayBodyOctetsMax);
  const arrival = recordArrival({ localMs, arrivedMs });
  app.post("/v1/relay", arrival, guard("relay"), limit, relayEndpoint(pipeline, counters));
  app.route("/admin/v1", createAdminApp({ store, guard }));
  app.get(
    "/metrics",
    guard("read"),
    metricsEndpoint({ store, counters, databaseSeconds, linesLost: log.linesLost }),
  );
  app.route("/", documentRoutes(app));
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", async (context) => {
    await pipeline.probe();
    return context.json({ status: "ready" }, 200, clockHeaders(pipeline));
  });
  app.notFound((context) => problemResponse(404, `Cannot find ${context.req.method} ${context.req.path}`));
  app.onError((error) => (error instanceof HTTPException ? refusal(error) : failure(error, log)));
  return app;
}

/** Tells the operator of steps of the clock, and what to do. */
function clockLog(log: Log): (event: ClockEvent) => void {
  return (event) => {
    switch (event.kind) {
      case "step":
        log.warn(
          { differenceSeconds: Math.round(event.differenceMs / 1000) },
          "the machine's clock was set; the database's clock runs on: see `apportion admin clock show`",
        );
        return;
      case "followed":
        log.warn(
          { differenceSeconds: Math.round(event.differenceMs / 1000), how: event.how },
          "the database's clock follows the machine's clock",
        );
        return;
      case "agrees":
        log.info({}, "the clocks of machine and database agree again");
    }
  };
}

/** Adds a problem document to Hono's own exceptions. Here Hono throws them only for a body that is not JSON. */
function refusal(error: HTTPException): Response {
  return error.res ?? problemResponse(400, `Cannot read the request: ${error.message}`);
}

/** Answers an error that the request did not cause: an unreachable database, or a bug in the allocator. */
function failure(error: Error, log: Log): Response {
  if (!isDatabaseError(error)) {
    log.error({ err: error }, "unexpected error");
    return problemResponse(500, "Cannot serve the request; the allocator's log has the cause");
  }
  log.error({ err: error }, "database unavailable");
  const headers = { "retry-after": String(databaseRetryAfterSeconds) };
  return problemResponse(503, "Cannot reach the database; try again", { headers });
}
