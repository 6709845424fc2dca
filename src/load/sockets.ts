/**
 * The sockets of a load: a few, connected, with large receive buffers.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { loadReceiveBufferOctets } from "../limits.ts";
import { growReceiveBuffer } from "../udp-socket.ts";

/** Sockets that share the work of a load. */
export interface ConnectedSockets {
  /** Sends a stretch of octets from the socket that a slot uses; the octets must stay until they are sent. */
  readonly send: (slot: number, octets: Uint8Array, offset: number, length: number) => void;
  readonly close: () => void;
}

/**
 * Opens sockets towards one server. A connected socket saves the kernel a look for the route with each datagram, and
 * hears from nobody else.
 *
 * @param onError Gets what a socket says, such as that nobody listens on the port.
 * @throws {Error} When there is no route.
 */
export async function openSockets(
  target: { readonly server: string; readonly port: number; readonly sockets: number },
  onDatagram: (datagram: Uint8Array) => void,
  onError: (error: Error) => void,
): Promise<ConnectedSockets> {
  const sockets = Array.from({ length: target.sockets }, () => createSocket("udp6"));
  const close = (): void => {
    for (const socket of sockets) socket.close();
  };
  try {
    await Promise.all(sockets.map((socket) => connect(socket, target.server, target.port)));
  } catch (error) {
    close();
    throw error;
  }
  for (const socket of sockets) {
    growReceiveBuffer(socket, loadReceiveBufferOctets);
    socket.on("message", onDatagram);
    socket.on("error", onError);
  }
  return {
    send: (slot, octets, offset, length) => {
      sockets[slot % sockets.length]!.send(octets, offset, length);
    },
    close,
  };
}

function connect(socket: Socket, server: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.connect(port, server, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}
