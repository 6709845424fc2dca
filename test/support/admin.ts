/**
 * A client of the admin API for tests, over a socket or directly on the Hono app.
 *
 * @module
 */
import type { Hono } from "hono";
import { adminToken } from "./tokens.ts";

/** A response of the admin API. */
export interface AdminAnswer {
  readonly status: number;
  /** Parsed JSON. A response without JSON has its body in the field `text`. */
  readonly body: Record<string, unknown>;
  readonly etag: string | undefined;
  readonly headers: Headers;
}

/** Sends a request to a path below `/admin/v1`. A string is sent as it is, any other body as JSON. */
export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<AdminAnswer>;

/** Creates a caller for an app, without a socket. */
export function operator(app: Hono, token: string = adminToken): Call {
  return operatorBy((path, init) => app.request(path, init), token);
}

/** Creates a caller that sends through the given function. */
export function operatorBy(
  request: (path: string, init: RequestInit) => Response | Promise<Response>,
  token: string,
): Call {
  return async (method, path, body, headers = {}) => {
    const response = await request(`/admin/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = (response.headers.get("content-type") ?? "").includes("json");
    return {
      status: response.status,
      body: (isJson && text !== "" ? JSON.parse(text) : { text }) as Record<string, unknown>,
      etag: response.headers.get("etag") ?? undefined,
      headers: response.headers,
    };
  };
}

/** Returns the items of a list response. */
export const itemsOf = ({ body }: AdminAnswer) => body.items as Record<string, unknown>[];
