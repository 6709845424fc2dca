/**
 * HTTP server for an operator's tools, on a Unix socket or on a TCP port.
 *
 * @module
 */
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, ListenOptions } from "node:net";
import { UsageError } from "../../src/failure.ts";
import type { TcpEndpoint } from "../config/config-values.ts";

/** TCP host and port, or path of a Unix socket. */
export type LocalEndpoint = TcpEndpoint | { readonly socket: string };

/** Path -> function that creates the answer to a GET. */
export type Pages = Readonly<Record<string, () => Promise<{ readonly type: string; readonly body: string }>>>;

/** A listening server. */
export interface LocalServer {
  /** `http://HOST:PORT`, or the path of the socket. */
  readonly address: string;
  readonly close: () => Promise<void>;
}

/** Only the owner and the group of the socket may connect. */
const socketMode = 0o660;

/**
 * Starts a server.
 *
 * @throws {UsageError} If the path of the socket is that of another file.
 * @throws {Error} If it can't listen on the endpoint, for example because another process does.
 */
export async function startLocalServer(endpoint: LocalEndpoint, pages: Pages): Promise<LocalServer> {
  const server = createServer((request, response) => {
    const page = pages[request.url?.split("?", 1)[0] ?? ""];
    if (request.method !== "GET" || page === undefined) {
      response.writeHead(page === undefined ? 404 : 405).end();
      return;
    }
    page().then(
      ({ type, body }) => response.writeHead(200, { "content-type": type }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  const options: ListenOptions = "socket" in endpoint ? { path: endpoint.socket } : endpoint;
  if (options.path !== undefined) await removeStaleSocket(options.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const found = `found ${error.message}, ${expectationOf(endpoint)}`;
      reject(new Error(`Cannot listen on ${describe(endpoint)}: ${found}`, { cause: error }));
    });
    server.listen(options, resolve);
  });
  if (options.path !== undefined) chmodSync(options.path, socketMode);
  return {
    address: "socket" in endpoint ? endpoint.socket : formatUrl(server.address() as AddressInfo),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Removes the socket file of a relay that was killed. If a running relay accepts the connection, the file stays. */
async function removeStaleSocket(path: string): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const connection = connect(path, () => {
      connection.destroy();
      resolve(undefined);
    });
    connection.on("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code);
    });
  });
  if (code !== "ECONNREFUSED") return;
  if (!lstatSync(path).isSocket()) {
    throw new UsageError(
      `Cannot listen on ${path}: found a file that is not a socket, expected --status-socket or status.socket to name a new one`,
    );
  }
  unlinkSync(path);
}

function expectationOf(endpoint: LocalEndpoint): string {
  return "socket" in endpoint
    ? "expected --status-socket or status.socket in a folder that exists and that this user may write"
    : "expected --http or metrics.listen to name an address of this host and a free port";
}

function describe(endpoint: LocalEndpoint): string {
  return "socket" in endpoint ? endpoint.socket : `${endpoint.host} port ${endpoint.port}`;
}

function formatUrl({ address, family, port }: AddressInfo): string {
  return family === "IPv6" ? `http://[${address}]:${port}` : `http://${address}:${port}`;
}
