/**
 * Counts HTTP requests by endpoint and status, for the metrics.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Counters } from "../../allocator/counters.ts";

/** What a request asked for, by its path. */
function endpointOf(path: string): "relay" | "admin" | "other" {
  if (path === "/v1/relay") return "relay";
  return path.startsWith("/admin/v1/") ? "admin" : "other";
}

/** Creates middleware that counts each request when it is answered. */
export function countRequests(requests: Counters): MiddlewareHandler {
  return async (context, next) => {
    await next();
    requests.add(`${endpointOf(context.req.path)}:${context.res.status}`);
  };
}
