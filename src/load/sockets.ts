/**
 * The sockets of a load: a few, connected, with large receive buffers.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { loadReceiveBufferOctets } from "../limits.ts";
import { growReceiveBuffer } from "../udp-socket.ts";

/** Sockets that share the traffic of a load. */
export interface ConnectedSockets {
  /** Sends a range of octets from the slot's socket. The octets must not change until they are sent. */
  readonly send: (slot: number, octets: Uint8Array, offset: number, length: number) => void;
  readonly close: () => void;
}

interface SocketTarget {
  readonly server: string;
  readonly port: number;
  /** Number of sockets. */
  readonly sockets: number;
  /** Port to send from, with one socket. Default: free ones. */
  readonly localPort?: number | undefined;
}

/**
 * Opens sockets that are connected to one server. A connected socket saves the kernel a route lookup for each datagram,
 * and receives from no other address.
 *
 * @param target The server, and the number of sockets.
 * @param onDatagram Receives each datagram.
 * @param onError Receives socket errors, for example when the port is closed.
 * @throws {Error} When there is no route to the server.
 */
export async function openSockets(
  { server, port, sockets: count, localPort }: SocketTarget,
  onDatagram: (datagram: Uint8Array) => void,
  onError: (error: Error) => void,
): Promise<ConnectedSockets> {
  const sockets = Array.from({ length: localPort === undefined ? count : 1 }, () => createSocket("udp6"));
  const close = (): void => {
    for (const socket of sockets) socket.close();
  };
  try {
    await Promise.all(sockets.map((socket) => connect(socket, { server, port, localPort })));
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

function connect(
  socket: Socket,
  { server, port, localPort = 0 }: Omit<SocketTarget, "sockets">,
): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(localPort);
    socket.connect(port, server, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}
