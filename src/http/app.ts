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
import { relayBodyOctetsMax } from "../limits.ts";
import type { Store } from "../store/store.ts";
import { systemTiming } from "../timing.ts";
import type { Timing } from "../timing.ts";
import { traceHeader } from "../wire/trace-context.ts";
import { createAdminApp } from "./admin/app.ts";
import { documentRoutes } from "./openapi/openapi.ts";
import { createGuard } from "./auth.ts";
import { createCounters } from "../allocator/counters.ts";
import type { Counters } from "../allocator/counters.ts";
import { createHistogram, transactionSecondsBounds } from "../allocator/histogram.ts";
import { createRefusal, shorten } from "./failure-answer.ts";
import { limitBody } from "./limit-body.ts";
import type { Log } from "../allocator/log.ts";
import { countRequests } from "./metrics/count-requests.ts";
import { metricsEndpoint } from "./metrics/metrics.ts";
import { createPlacedPipeline } from "../allocator/placement.ts";
import { problemResponse } from "./problem.ts";
import { createReadiness } from "./readiness.ts";
import { clockHeaders, createServePost, recordArrival, relayEndpoint } from "./relay-endpoint.ts";
import type { RelayPost, ServePost } from "./relay-endpoint.ts";
import { clockLog, fileLog } from "./store-log.ts";

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
  /** A time by this clock, not later than the arrival of a request that is read now. Default: the clock itself. */
  readonly arrivedMs?: (() => number) | undefined;
  /** Formats metrics of the process in the text format of Prometheus. Default: none, as an edge isolate has no process. */
  readonly processMetrics?: (() => Promise<string>) | undefined;
  /** The timers of this process. Default: real ones. */
  readonly later?: Timing["later"] | undefined;
}

/** Serves the POSTs of relays without a `Request` for each, where a platform has something faster. */
export interface DirectRelay {
  /** Whether a POST with this Authorization header may be served. If not, the application says why. */
  readonly accepts: (authorization: string | undefined) => boolean;
  /** The times of a POST that is read now. */
  readonly times: () => Pick<RelayPost, "readMs" | "arrivedMs">;
  readonly serve: ServePost;
  /**
   * Answers a POST that could not be served.
   *
   * @param trace Its header `traceparent`.
   */
  readonly refuse: (error: Error, trace: string | undefined) => Response;
}

/** The application, and a shorter way for relays. */
export interface Service {
  readonly app: Hono;
  readonly relay: DirectRelay;
}

/**
 * Creates the application. It starts no background work and does not listen on a port.
 *
 * @returns The application, whose `fetch` serves requests.
 * @throws {TypeError} When a token is empty.
 */
export function createApp(deps: AppDeps): Hono {
  return createService(deps).app;
}

/**
 * Creates the application as {@link createApp} does, and a shorter way for relays.
 *
 * @throws {TypeError} When a token is empty.
 */
export function createService(deps: AppDeps): Service {
  const { store, log, counters } = deps;
  const { localMs = systemTiming.nowMs, later = systemTiming.later, arrivedMs = localMs } = deps;
  const transactionSeconds = createHistogram(transactionSecondsBounds);
  const requests = createCounters();
  const pipeline = createPlacedPipeline({
    partitions: store.partitions,
    counters,
    transactionSeconds,
    log,
    localMs,
    later,
  });
  store.clock.onEvent(clockLog(log));
  store.onFileEvent(fileLog(log));
  const ensureReady = createReadiness({ check: () => pipeline.probe(), localMs, later });
  const guard = createGuard({ ...deps, localMs, later });
  const app = new Hono();
  const limit = limitBody(relayBodyOctetsMax);
  const arrival = recordArrival({ localMs, arrivedMs });
  const serve = createServePost(pipeline, counters);
  app.use(countRequests(requests));
  app.post("/v1/relay", arrival, guard("relay"), limit, relayEndpoint(serve));
  app.route("/admin/v1", createAdminApp({ store, guard }));
  app.get(
    "/metrics",
    guard.whileAway("read"),
    metricsEndpoint({ ...deps, requests, transactionSeconds, ensureReady, linesLost: log.linesLost }),
  );
  app.route("/", documentRoutes(app));
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", async (context) => {
    await ensureReady();
    return context.json({ status: "ready" }, 200, clockHeaders(pipeline));
  });
  app.notFound(({ req }) => problemResponse(404, `Cannot find ${req.method} ${shorten(req.path)}`));
  const refuse = createRefusal(log, localMs);
  app.onError((error, { req }) => refuse(error, req.header(traceHeader)));
  const relay: DirectRelay = {
    accepts: (authorization) => guard.knows(authorization, "relay"),
    times: () => ({ readMs: localMs(), arrivedMs: arrivedMs() }),
    serve: async (post) => {
      const answer = await serve(post);
      requests.add("relay:200");
      return answer;
    },
    refuse: (error, trace) => {
      const response = refuse(error, trace);
      requests.add(`relay:${response.status}`);
      return response;
    },
  };
  return { app, relay };
}
