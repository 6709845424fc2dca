/**
 * An allocator whose answers the test controls.
 *
 * @module
 */
import { createServer } from "node:http";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { decodeRelayPath, encodeRelayReply } from "../../src/wire/dhcpv6/relay.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import { Mailbox } from "./mailbox.ts";

/** A POST that waits for its answer. */
export interface Post {
  readonly request: IncomingMessage;
  readonly frames: readonly Uint8Array[];
  /** Answers 200 with these frames. */
  readonly answer: (frames: readonly Uint8Array[]) => void;
  /** Sends any response. */
  readonly respond: (status: number, headers?: OutgoingHttpHeaders, body?: string | Uint8Array) => void;
}

/** A running allocator. */
export interface ScriptedAllocator {
  readonly url: string;
  readonly port: number;
  readonly posts: Mailbox<Post>;
  /** Sets whether `/readyz` reports ready. It does at first. */
  readonly setReady: (isReady: boolean) => void;
  /** Maximum number of POSTs that waited for their answers at the same time. */
  readonly inFlightMax: () => number;
  readonly close: () => Promise<void>;
}

/** Media type of frames. */
export const framesType = "application/octet-stream";

/**
 * Starts an allocator on 127.0.0.1.
 *
 * @param port TCP port; 0 chooses a free one.
 * @param tls Key and certificate. If omitted, the allocator speaks plain HTTP.
 */
export async function startScriptedAllocator(port = 0, tls?: ServerOptions): Promise<ScriptedAllocator> {
  const posts = new Mailbox<Post>();
  let isReady = true;
  let inFlight = 0;
  let inFlightMax = 0;
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === "/readyz") {
      response.writeHead(isReady ? 200 : 503).end();
      return;
    }
    // A relay tries its token with a POST without frames when it starts.
    if (request.headers["content-length"] === "0") {
      response.writeHead(200, { "content-type": framesType }).end();
      return;
    }
    inFlight++;
    inFlightMax = Math.max(inFlightMax, inFlight);
    response.on("close", () => inFlight--);
    void readBody(request).then((body) => {
      posts.put(createPost(request, response, decodeFrames(body, 1024)));
    });
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${bound}`,
    port: bound,
    posts,
    setReady: (value) => (isReady = value),
    inFlightMax: () => inFlightMax,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new Uint8Array(Buffer.concat(chunks));
}

function createPost(request: IncomingMessage, response: ServerResponse, frames: Uint8Array[]): Post {
  const respond: Post["respond"] = (status, headers = {}, body = "") => {
    response.writeHead(status, headers).end(body);
  };
  return {
    request,
    frames,
    respond,
    answer: (answers) => {
      respond(200, { "content-type": framesType }, encodeFrames(answers));
    },
  };
}

/** Creates the answer to a frame: mirrors every relay level around the result of `reply` for the innermost message. */
export function mirror(frame: Uint8Array, reply: (message: Uint8Array) => Uint8Array): Uint8Array {
  const { path, message } = decodeRelayPath(frame);
  return encodeRelayReply(path, reply(message));
}
