/**
 * Sends one HTTP request on its own connection: from an address that the test chooses, or with a body that makes the
 * server close the connection.
 *
 * @module
 */
import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";

/** A request on its own connection. */
export interface AloneRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Source address. Only Linux accepts all of 127.0.0.0/8. */
  readonly localAddress?: string;
  readonly body?: string | Uint8Array;
}

/** Sends a request and reads the whole response. */
export async function requestAlone(url: string, { body, ...options }: AloneRequest): Promise<Response> {
  const sent = request(url, { ...options, agent: false });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const headers = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
  return new Response(await buffer(response), { status: response.statusCode!, headers });
}
