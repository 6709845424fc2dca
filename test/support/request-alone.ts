/**
 * Sends one HTTP request on its own connection: from an address that the test chooses, or with a body that makes the
 * server close the connection. The connection may be kept alive: with `Connection: close` a server that refuses a body
 * closes at once, and a client that is still sending then sees a broken pipe before the response.
 *
 * @module
 */
import { once } from "node:events";
import { Agent, request } from "node:http";
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
  const agent = new Agent({ keepAlive: true });
  const sent = request(url, { ...options, agent });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const headers = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
  const answer = new Response(await buffer(response), { status: response.statusCode!, headers });
  agent.destroy();
  return answer;
}
