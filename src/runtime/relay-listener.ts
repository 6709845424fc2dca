/**
 * Answers the POSTs of relays on Node without a `Request` and a `Response` for each, which cost more than to serve a small
 * batch. Whatever is not an ordinary POST of a known relay goes to the application, so both give the same answers.
 *
 * @module
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { DirectRelay } from "../http/app.ts";
import type { RelayAnswer } from "../http/relay-endpoint.ts";
import { relayBodyOctetsMax } from "../limits.ts";
import { framesType } from "../wire/relay-call.ts";

/**
 * Creates a listener for a server.
 *
 * @param otherwise Answers all other requests.
 */
export function relayListener(relay: DirectRelay, otherwise: RequestListener): RequestListener {
  return (incoming, outgoing) => {
    const octets = ordinaryLength(incoming);
    if (octets === undefined || !relay.accepts(incoming.headers.authorization)) {
      otherwise(incoming, outgoing);
      return;
    }
    const times = relay.times();
    const header = (name: string): string | undefined => incoming.headers[name] as string | undefined;
    readBody(incoming, octets, (body) => {
      relay.serve({ body, header, ...times }).then(
        (answer) => {
          sendAnswer(outgoing, answer);
        },
        (error: unknown) => {
          void sendResponse(outgoing, relay.refuse(error as Error));
        },
      );
    });
  };
}

/** @returns The length of the body of an ordinary POST to `/v1/relay`; undefined for any other request. */
function ordinaryLength({ method, url, headers, httpVersionMinor }: IncomingMessage): number | undefined {
  const isOrdinary =
    method === "POST" &&
    url === "/v1/relay" &&
    httpVersionMinor === 1 &&
    headers["content-type"] === framesType &&
    headers.expect === undefined &&
    headers["transfer-encoding"] === undefined &&
    /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:.]+\](:\d{1,5})?$/i.test(headers.host ?? "");
  const octets = isOrdinary ? Number(headers["content-length"]) : NaN;
  return octets > 0 && octets <= relayBodyOctetsMax ? octets : undefined;
}

/**
 * Reads a body. One that its client does not finish is forgotten.
 *
 * @param octets Its length. Node ends a body there.
 */
function readBody(incoming: IncomingMessage, octets: number, done: (body: Uint8Array) => void): void {
  let body: Uint8Array | undefined;
  let filled = 0;
  incoming.on("data", (chunk: Buffer) => {
    // Most bodies come in one piece.
    if (chunk.length === octets) body = chunk;
    else (body ??= new Uint8Array(octets)).set(chunk, filled);
    filled += chunk.length;
  });
  incoming.on("end", () => {
    done(body!);
  });
  // Node reports a client that hangs up here too.
  incoming.on("error", () => undefined);
}

function sendAnswer(outgoing: ServerResponse, { headers, body }: RelayAnswer): void {
  outgoing.writeHead(200, { ...headers, "content-length": body.length });
  outgoing.end(body);
}

/** Sends a response with a short body. */
export async function sendResponse(outgoing: ServerResponse, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    "content-length": body.length,
  });
  outgoing.end(body);
}
