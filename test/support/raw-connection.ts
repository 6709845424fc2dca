/**
 * TCP connections that send any octets to an HTTP server, such as requests that are half sent.
 *
 * @module
 */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

/** Opens a connection to the server of a URL and sends octets. The caller destroys the socket. */
export async function openConnection(url: string, octets: string | Uint8Array): Promise<Socket> {
  const { port, hostname } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(octets);
  return socket;
}

/** Requests that are half sent: in a header, in a body without a token and with one, and before the first octet. */
export const halfSentRequests = (relayToken: string): readonly string[] => [
  "GET /healthz HTTP/1.1\r\nHo",
  "POST /v1/relay HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
  `POST /v1/relay HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${relayToken}\r\n` +
    "Content-Type: application/octet-stream\r\nContent-Length: 100\r\n\r\nhalf",
  "",
];
