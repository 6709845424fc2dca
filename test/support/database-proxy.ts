/**
 * An HTTP proxy in front of a libSQL server. It simulates distance, slow commits, stalled requests and lost answers.
 *
 * @module
 */
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Simulated delays of the server. */
export interface Distance {
  /** Milliseconds to the server and back. */
  readonly roundTripMs: number;
  /** Milliseconds that the server holds its write lock for each batch, on top of its own time. */
  readonly commitMs: number;
}

/** What happens to one request. Later requests are proxied normally. */
export type Mishap =
  /** The server executes the request, and the answer is lost. */
  | "lose-answer"
  /** The connection is closed before the server gets the request. */
  | "refuse"
  /** The server executes the request, and the client's connection stays open without an answer. */
  | "stall"
  /** The server does not get the request, and this answers in its place. */
  | ((response: ServerResponse) => void);

/** A running proxy. */
export interface DatabaseProxy {
  readonly url: string;
  /** Number of requests so far. Each is one round trip. */
  readonly requests: () => number;
  /** Disturbs the next request. Resolves when that is done: for `lose-answer`, after the server has answered. */
  readonly next: (mishap: Mishap) => Promise<void>;
  /** Calls back once, when the next request has been sent to the server and is not answered yet. */
  readonly onForwarded: (call: () => void) => void;
  /** Sends all later requests to another port. */
  readonly redirect: (port: number) => void;
  readonly close: () => Promise<void>;
}

const near: Distance = { roundTripMs: 0, commitMs: 0 };

/** Starts a proxy to a server on this machine. */
export async function startDatabaseProxy(
  port: number,
  { roundTripMs, commitMs }: Distance = near,
): Promise<DatabaseProxy> {
  const agent = new Agent({ keepAlive: true });
  let requests = 0;
  let planned: { readonly mishap: Mishap; readonly done: () => void } | undefined;
  let forwarded: (() => void) | undefined;
  let target = port;
  let commits: Promise<unknown> = Promise.resolve();

  async function forward(incoming: IncomingMessage, body: Buffer) {
    const { method, url: path, headers } = incoming;
    const outgoing = request({ host: "127.0.0.1", port: target, method, path, headers, agent });
    outgoing.end(body);
    forwarded?.();
    forwarded = undefined;
    const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
    return { answer, octets: await read(answer) };
  }

  /** Batches hold the lock one at a time, as in the server. */
  function commit(incoming: IncomingMessage, body: Buffer): ReturnType<typeof forward> {
    if (commitMs === 0) return forward(incoming, body);
    const mine = commits.then(async () => {
      const result = await forward(incoming, body);
      await delay(commitMs);
      return result;
    });
    commits = mine.catch(() => undefined);
    return mine;
  }

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    requests++;
    const plan = planned;
    planned = undefined;
    const body = await read(incoming);
    if (plan?.mishap === "refuse") incoming.socket.destroy();
    else if (plan?.mishap === "stall") await forward(incoming, body);
    else if (typeof plan?.mishap === "function") plan.mishap(response);
    else {
      await delay(roundTripMs / 2);
      const { answer, octets } = await commit(incoming, body);
      await delay(roundTripMs / 2);
      if (plan?.mishap === "lose-answer") incoming.socket.resetAndDestroy();
      else response.writeHead(answer.statusCode!, answer.headers).end(octets);
    }
    plan?.done();
  }

  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => incoming.socket.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    next: (mishap) =>
      new Promise((done) => {
        planned = { mishap, done };
      }),
    onForwarded: (call) => {
      forwarded = call;
    },
    redirect: (other) => {
      target = other;
    },
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
