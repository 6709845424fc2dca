/**
 * The HTTP server on Node. It answers what it cannot read with problem documents too, and it ends within its grace time
 * whatever its clients do.
 *
 * @module
 */
import { createServer, STATUS_CODES } from "node:http";
import type { RequestListener, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, RequestError } from "@hono/node-server";
import { createLineLimit } from "../allocator/faults.ts";
import type { Log } from "../allocator/log.ts";
import type { DirectRelay } from "../http/app.ts";
import { problemResponse } from "../http/problem.ts";
import type { ProblemStatus } from "../http/problem.ts";
import {
  httpBacklog,
  httpCheckMs,
  httpConnectionsMax,
  httpGraceMs,
  httpHeadersMsMax,
  httpIdleCheckMs,
  httpLingerMs,
  httpRequestMsMax,
} from "../limits.ts";
import { systemTiming } from "../timing.ts";
import { relayListener } from "./relay-listener.ts";
import { sendResponse } from "./send-response.ts";

/** The address of the HTTP server. With port 0, the system chooses a port. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** The flag that names the address, for the message of an error. */
  readonly setting?: string | undefined;
}

/**
 * Listens for a moment. A process calls this before it changes a database that the process in its place may use.
 *
 * @throws {Error} When the server cannot listen on the address.
 */
export async function tryToListen(listen: ListenAddress): Promise<void> {
  const server = createServer();
  await listenOn(server, listen);
  await new Promise((resolve) => server.close(resolve));
}

/** A server that listens. */
export interface HttpServer {
  readonly address: AddressInfo;
  /** Stops accepting connections, finishes the requests in progress, and ends those that exceed the grace time. */
  readonly close: () => Promise<void>;
}

/** Options of {@link startHttpServer}. */
export interface HttpServerOptions {
  readonly listen: ListenAddress;
  readonly log: Log;
  /** Serves the POSTs of relays. Default: `fetch` does. */
  readonly relay?: DirectRelay | undefined;
  /** Called for each connection when it is accepted, even if it is one too many and closed at once. */
  readonly onConnection?: (() => void) | undefined;
  /** Milliseconds that requests in progress have when the server closes. Default: `httpGraceMs`. */
  readonly graceMs?: number | undefined;
  /** Milliseconds in which the headers of a request must arrive. Default: `httpHeadersMsMax`. */
  readonly headersMs?: number | undefined;
  /** Milliseconds in which a whole request must arrive. Default: `httpRequestMsMax`. */
  readonly requestMs?: number | undefined;
  /** Connections at the same time. Default: `httpConnectionsMax`. */
  readonly connectionsMax?: number | undefined;
}

/**
 * Starts a server.
 *
 * @param fetch Answers requests.
 * @throws {Error} When the server cannot listen on the address.
 */
export async function startHttpServer(
  fetch: Parameters<typeof getRequestListener>[0],
  {
    listen,
    log,
    relay,
    onConnection,
    graceMs = httpGraceMs,
    headersMs = httpHeadersMsMax,
    requestMs = httpRequestMsMax,
    connectionsMax = httpConnectionsMax,
  }: HttpServerOptions,
): Promise<HttpServer> {
  const logFault = createFaultLog(log);
  const listener = getRequestListener(fetch, {
    errorHandler: (error) => refuseUnreadable(error, logFault),
  }) as RequestListener;
  const server = createServer(
    {
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.min(httpCheckMs, headersMs),
      // Otherwise Node refuses a request without this header itself, with an empty body.
      requireHostHeader: false,
    },
    relay === undefined ? listener : relayListener(relay, listener),
  );
  answerFaults(server);
  server.maxConnections = connectionsMax;
  if (onConnection !== undefined) server.on("connection", onConnection).on("drop", onConnection);
  await listenOn(server, listen);
  // Without a listener, a connection that the system refuses, such as for want of descriptors, would end the process.
  server.on("error", (error) => {
    logFault(error, "cannot accept connections");
  });
  return { address: server.address() as AddressInfo, close: () => closeServer(server, graceMs) };
}

async function listenOn(server: Server, listen: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      reject(cannotListen(listen, error));
    };
    server.once("error", fail);
    server.listen({ host: listen.host, port: listen.port, backlog: httpBacklog }, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

function cannotListen({ host, port, setting }: ListenAddress, error: NodeJS.ErrnoException): Error {
  const endpoint = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const why = listenFaults[error.code ?? ""] ?? `found ${error.message}, expected an address of this host`;
  const of = setting === undefined ? "" : ` of ${setting}`;
  return new Error(`Cannot listen for HTTP on ${endpoint}${of}: ${why}`, { cause: error });
}

/** What the system's refusals to listen mean. */
const listenFaults: Readonly<Record<string, string>> = {
  EADDRINUSE:
    "found it in use (EADDRINUSE), expected a port that no other process uses: end that one, or choose another port",
  EADDRNOTAVAIL: "found an address that this host does not have (EADDRNOTAVAIL), expected one of its own",
  EACCES:
    "found a port that this user may not use (EACCES), expected one above 1023, or CAP_NET_BIND_SERVICE",
  ENOTFOUND: "found an unknown host name (ENOTFOUND), expected an address of this host",
};

type LogFault = (error: unknown, message: string) => void;

/** Clients can cause such faults at will, so all together get a line per interval. */
function createFaultLog(log: Log): LogFault {
  const count = createLineLimit(systemTiming.nowMs);
  return (error, message) => {
    const due = count();
    if (due !== undefined) log.error({ err: error, count: due }, message);
  };
}

/** Answers a request that cannot be made a `Request`, such as one with an invalid Host. */
function refuseUnreadable(error: unknown, logFault: LogFault): Response {
  if (error instanceof RequestError) {
    return problemResponse(400, `Cannot read the request: found a fault (${error.message}), expected none`);
  }
  logFault(error, "unexpected error");
  return problemResponse(500, "Cannot serve the request; the allocator's log has the cause");
}

/** What Node's parser reports, and the answer to it. All other faults are a bad request. */
const faults: Readonly<Record<string, readonly [ProblemStatus, string]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    "Cannot read the request: found headers that are too large, expected at most 16 KiB",
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [
    413,
    "Cannot read the body: found chunk extensions that are too long, expected none",
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    "Cannot read the request: found only a part of it in time, expected the headers in 10 s and all of it in 60 s",
  ],
};

/** Makes the server answer what Node would answer with an empty body, or not at all. */
function answerFaults(server: Server): void {
  const answered = new WeakSet<Duplex>();
  // Node takes its own listener off a socket that it hands out. A reset would then end the process.
  server.on("connection", (socket) => socket.on("error", () => undefined));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    // Octets that a client sends after the answer cause another fault of the same request.
    if (answered.has(socket)) return;
    answered.add(socket);
    const [status, detail] = faults[error.code ?? ""] ?? [
      400,
      `Cannot read the request: found a fault (${error.message}), expected HTTP/1.1`,
    ];
    answerFault(socket, status, detail);
  });
  server.on("checkExpectation", (_, outgoing) => {
    const detail = "Cannot serve the request: found an unknown expectation, expected 100-continue or none";
    void sendResponse(outgoing, problemResponse(417, detail));
  });
  server.on("connect", (_, socket) => {
    answerFault(socket, 400, "Cannot serve the request: found the method CONNECT, which is for proxies");
  });
}

/** Answers on a socket whose request has no response object, and closes it. */
function answerFault(socket: Duplex, status: ProblemStatus, detail: string): void {
  // Node keeps the response in progress here, and decides by it in the same situation.
  const { _httpMessage: current } = socket as { readonly _httpMessage?: ServerResponse | null };
  if (current?.req.complete === true) {
    // The fault is in what follows a whole request: that one still gets its answer.
    current.once("close", () => socket.destroy());
    return;
  }
  if (!socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  void writeProblem(socket, problemResponse(status, detail));
}

async function writeProblem(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.text());
  const head = [
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status]}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  // A socket that is destroyed while data arrives resets the connection, and the client may lose the answer.
  const timer = setTimeout(() => socket.destroy(), httpLingerMs);
  socket.once("close", () => {
    clearTimeout(timer);
  });
  socket.end(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]));
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // Otherwise a relay would keep sending on its open connections.
  server.prependListener("request", (_, outgoing) => {
    outgoing.shouldKeepAlive = false;
  });
  const idle = setInterval(() => {
    server.closeIdleConnections();
  }, httpIdleCheckMs);
  const grace = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(grace);
}
