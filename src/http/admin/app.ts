/**
 * The admin API, with which operators manage domains, pools, reservations, leases and tokens.
 *
 * Each kind of resource has its own folder, whose functions return its routes. This file combines them.
 *
 * @module
 */
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { adminBodyOctetsMax, configBodyOctetsMax } from "../../limits.ts";
import type { AuthEnv } from "../auth.ts";
import { limitBody, refuseUnclearBody } from "../limit-body.ts";
import { auditRoutes } from "./audit/routes.ts";
import { bindingRoutes } from "./bindings/routes.ts";
import { answerConditionalReads } from "./etag.ts";
import { configRoutes } from "./config/routes.ts";
import { clockRoutes } from "./clock/routes.ts";
import type { AdminDeps } from "./deps.ts";
import { domainRoutes } from "./domains/routes.ts";
import { leaseChangeRoutes } from "./leases/change-routes.ts";
import { leaseRoutes } from "./leases/routes.ts";
import { lookupRoutes } from "./lookup/routes.ts";
import { poolRoutes } from "./pools/routes.ts";
import { reservationRoutes } from "./reservations/routes.ts";
import { statisticsRoutes } from "./statistics/routes.ts";
import { tokenRoutes } from "./tokens/routes.ts";

/**
 * Security headers of every response. Responses are for programs, so a browser may not embed them, load content for
 * them or guess their type.
 */
const securityHeaders = secureHeaders({
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
});

/** Paths whose POST requests change nothing. They use POST because their parameters are in the body. */
const readOnlyPosts: readonly string[] = ["/pools:plan"];

/**
 * Creates the admin API, to be mounted at `/admin/v1`.
 *
 * Reads require a token of scope `read` or `admin`. Changes require `admin`.
 */
export function createAdminApp(deps: AdminDeps) {
  const { guard } = deps;
  const [forReaders, forAdmins] = [guard("read"), guard("admin")];
  const app = new Hono<AuthEnv>();
  app.use(securityHeaders);
  app.use(async (context, next) => {
    await next();
    // A response shows the current state, so no cache may keep it.
    context.header("cache-control", "no-store");
  });
  app.use((context, next) => {
    const isRead = ["GET", "HEAD"].includes(context.req.method);
    const changesNothing = readOnlyPosts.some((path) => context.req.path.endsWith(path));
    return isRead || changesNothing ? forReaders(context, next) : forAdmins(context, next);
  });
  app.use(answerConditionalReads);
  const [small, large] = [limitBody(adminBodyOctetsMax), limitBody(configBodyOctetsMax)];
  // A domain or token may be named "config".
  const isConfig = (path: string): boolean => path.endsWith("/v1/config");
  app.use((context, next) => (isConfig(context.req.path) ? large : small)(context, next));
  // The whole configuration is read in slices, by its own route.
  app.use((context, next) => (isConfig(context.req.path) ? next() : refuseUnclearBody(context, next)));
  return app
    .route("/", domainRoutes(deps))
    .route("/", poolRoutes(deps))
    .route("/", reservationRoutes(deps))
    .route("/", tokenRoutes(deps))
    .route("/", auditRoutes(deps))
    .route("/", configRoutes(deps))
    .route("/", leaseRoutes(deps))
    .route("/", leaseChangeRoutes(deps))
    .route("/", lookupRoutes(deps))
    .route("/", bindingRoutes(deps))
    .route("/", statisticsRoutes(deps))
    .route("/", clockRoutes(deps));
}

/** The type from which the typed client derives its routes. */
export type AdminApp = ReturnType<typeof createAdminApp>;
