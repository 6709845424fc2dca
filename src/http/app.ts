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
import { databaseRetryAfterSeconds, fieldFoundCharactersMax, relayBodyOctetsMax } from "../limits.ts";
import { isDatabaseError } from "../store/store.ts";
import type { ClockEvent, Store } from "../store/store.ts";
import { systemTiming } from "../timing.ts";
import type { Timing } from "../timing.ts";
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
import { createReadiness } from "./readiness.ts";
import { clockHeaders, recordArrival, relayEndpoint } from "./relay-endpoint.ts";

/** Dependencies of the application. */
export interface AppDeps {
  readonly store: Store;
  /** The bearer token of the relays. */
  readonly relayToken: string;
  /** A token of scope `admin` for creating the first tokens. Without it, the admin API accepts only stored tokens. */
  readonly adminToken?: string | undefined;
  /** Returns the client's address, if the platform reports it. Unknown tokens are counted per address. */
  readonly clientAddress?: ((context: Context) => string | undefined) | undefined;
  readonly log: Log;
  readonly counters: Counters;
  /** A monotonic clock of this process, in milliseconds. Default: `performance.now()`. */
  readonly localMs?: (() => number) | undefined;
  /** A time by this clock, not later than the arrival of what is read now. Default: the clock itself. */
  readonly arrivedMs?: (() => number) | undefined;
  /** The timers of this process. Default: real ones. */
  readonly later?: Timing["later"] | undefined;
}

/**
 * Creates the application. It starts no background work and does not listen on a port.
 *
 * @returns The application, whose `fetch` serves requests.
 * @throws {TypeError} When a token is empty.
 */
export function createApp(deps: AppDeps): Hono {
  const { store, log, counters, arrivedMs } = deps;
  const { localMs = systemTiming.nowMs, later = systemTiming.later } = deps;
  const databaseSeconds = createHistogram(databaseSecondsBounds);
  const pipeline = createPlacedPipeline({
    partitions: store.partitions,
    counters,
    databaseSeconds,
    log,
    localMs,
    later,
  });
  store.clock.onEvent(clockLog(log));
  store.onFileEvent(fileLog(log));
  const guard = createGuard({ ...deps, localMs, later });
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
  const ensureReady = createReadiness({ check: () => pipeline.probe(), localMs, later });
  app.get("/readyz", async (context) => {
    await ensureReady();
    return context.json({ status: "ready" }, 200, clockHeaders(pipeline));
  });
  app.notFound(({ req }) => problemResponse(404, `Cannot find ${req.method} ${shorten(req.path)}`));
  const answerFailure = createFailureAnswer(log);
  app.onError((error) => (error instanceof HTTPException ? refusal(error) : answerFailure(error)));
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

/** Whether the client hung up while it sent the body: Node reports a reset connection, Deno a resource that is gone. */
function isBodyLost(error: Error): boolean {
  return ("code" in error && error.code === "ECONNRESET") || error.name === "BadResource";
}

/** A path may be as long as the headers of a request. */
function shorten(path: string): string {
  return path.length > fieldFoundCharactersMax ? `${path.slice(0, fieldFoundCharactersMax)}…` : path;
}

/**
 * Creates a function that answers an error that the request did not cause: an unreachable database, or a bug in the
 * allocator. It logs an error once, even if many requests share it, because they need no token.
 */
function createFailureAnswer(log: Log): (error: Error) => Response {
  const logged = new WeakSet<Error>();
  const logOnce = (error: Error, message: string): void => {
    if (logged.has(error)) return;
    logged.add(error);
    log.error({ err: error }, message);
  };
  return (error) => {
    if (isBodyLost(error)) {
      return problemResponse(400, "Cannot read the body: found a part of it, expected all");
    }
    if (!isDatabaseError(error)) {
      logOnce(error, "unexpected error");
      return problemResponse(500, "Cannot serve the request; the allocator's log has the cause");
    }
    logOnce(error, "database unavailable");
    const headers = { "retry-after": String(databaseRetryAfterSeconds) };
    return problemResponse(503, "Cannot reach the database; try again", { headers });
  };
}
