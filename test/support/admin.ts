/**
 * An operator of the tests, who calls the admin API of an allocator, with sockets or without.
 *
 * @module
 */
import type { Hono } from "hono";
import { adminToken } from "./allocator.ts";

/** What came back. */
export interface AdminAnswer {
  readonly status: number;
  /** Parsed JSON; null without a body. */
  readonly body: Record<string, unknown>;
  readonly etag: string | undefined;
  readonly headers: Headers;
}

/** Calls `/admin/v1`; a body that is no text goes as JSON. */
export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<AdminAnswer>;

/** Creates a caller. */
export function operator(app: Hono, token: string = adminToken): Call {
  return operatorBy((path, init) => app.request(path, init), token);
}

/** Creates one that calls over whatever requests. */
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

/** Items of a list. */
export const itemsOf = ({ body }: AdminAnswer) => body.items as Record<string, unknown>[];
