/**
 * Answers the POSTs of relays on Node without a `Request` and a `Response` for each, which cost more than to serve a small
 * batch. Whatever is not an ordinary POST of a known relay goes to the application, so both give the same answers.
 *
 * @module
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { DirectRelay } from "../http/app.ts";
import { isUrl } from "../http/host.ts";
import type { RelayAnswer } from "../http/relay-endpoint.ts";
import { relayBodyOctetsMax } from "../limits.ts";
import { framesType } from "../wire/relay-call.ts";
import { traceHeader } from "../wire/trace-context.ts";
import { sendResponse } from "./send-response.ts";

/**
 * Creates a listener for a server.
 *
 * @param otherwise Answers all other requests.
 */
export function relayListener(relay: DirectRelay, otherwise: RequestListener): RequestListener {
  const isHost = rememberHost();
  return (incoming, outgoing) => {
    const octets = ordinaryLength(incoming);
    const { host, authorization } = incoming.headers;
    if (octets === undefined || !isHost(host) || !relay.accepts(authorization)) {
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
          void sendResponse(outgoing, relay.refuse(error as Error, header(traceHeader)));
        },
      );
    });
  };
}

/** @returns The length of the body of an ordinary POST to `/v1/relay`; undefined for any other request. */
function ordinaryLength(incoming: IncomingMessage): number | undefined {
  const { method, url, headers, httpVersionMinor } = incoming;
  const isOrdinary =
    method === "POST" &&
    url === "/v1/relay" &&
    httpVersionMinor === 1 &&
    headers["content-type"] === framesType &&
    headers.expect === undefined &&
    headers["transfer-encoding"] === undefined &&
    !hasRepeated(incoming);
  const octets = isOrdinary ? Number(headers["content-length"]) : NaN;
  return octets > 0 && octets <= relayBodyOctetsMax ? octets : undefined;
}

/** Whether a header occurs twice of which Node keeps the first one. */
function hasRepeated({ rawHeaders }: IncomingMessage): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (name === "authorization" || name === "content-type" || name === "host") count++;
  }
  return count > 3;
}

/** @returns A function that says whether a Host is one. A relay sends the same with each POST, so the last is remembered. */
function rememberHost(): (host: string | undefined) => boolean {
  let known: string | undefined;
  return (host) => {
    if (host === undefined) return false;
    if (host === known) return true;
    if (!/^[\w.:[\]-]+$/.test(host) || !isUrl(`http://${host}/`)) return false;
    known = host;
    return true;
  };
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
    // Most bodies come in one piece. Views of a Buffer would be Buffers too, which take twice as long to make.
    if (chunk.length === octets) body = new Uint8Array(chunk.buffer, chunk.byteOffset, octets);
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
