/**
 * The sockets of a load: a few, with large receive buffers, connected unless they send to a multicast group.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { loadReceiveBufferOctets } from "../limits.ts";
import { bindLocalPort, connectSocket, growReceiveBuffer, lookupNothing } from "../udp-socket.ts";
import { isMulticast, parseIPv6 } from "../wire/ipv6-address.ts";

/** Sockets that share the traffic of a load. */
export interface LoadSockets {
  /** Sends a range of octets from the slot's socket. The octets must not change until they are sent. */
  readonly send: (slot: number, octets: Uint8Array, offset: number, length: number) => void;
  readonly close: () => void;
}

interface SocketTarget {
  /** IPv6 address of a server or relay, or of a multicast group. */
  readonly server: string;
  readonly port: number;
  /** Name of the interface to send from; required for a link-local address or a group. */
  readonly interfaceName?: string | undefined;
  /** Number of sockets. */
  readonly sockets: number;
  /** Port to send from, with one socket. Default: free ones. */
  readonly localPort?: number | undefined;
}

/**
 * Opens sockets for one server. A connected socket saves the kernel a route lookup for each datagram, and receives from no
 * other address. The relays of a group answer from their own addresses, which a connected socket would not hear.
 *
 * @param target The server, and the number of sockets.
 * @param onDatagram Receives each datagram.
 * @param onError Receives socket errors, for example when the port is closed.
 * @throws {LocalPortError} When the local port is in use, or may not be used.
 * @throws {Error} When there is no route to the server, or no such interface.
 */
export async function openSockets(
  { server, port, interfaceName, sockets: count, localPort }: SocketTarget,
  onDatagram: (datagram: Uint8Array) => void,
  onError: (error: Error) => void,
): Promise<LoadSockets> {
  const host = interfaceName === undefined ? server : `${server}%${interfaceName}`;
  const isGroup = isMulticast(parseIPv6(server));
  const sockets = Array.from({ length: localPort === undefined ? count : 1 }, () =>
    createSocket({ type: "udp6", lookup: lookupNothing }),
  );
  const close = (): void => {
    for (const socket of sockets) socket.close();
  };
  try {
    await Promise.all(
      sockets.map(async (socket) => {
        await bindLocalPort(socket, localPort ?? 0);
        if (!isGroup) await connectSocket(socket, port, host);
        else if (interfaceName !== undefined) socket.setMulticastInterface(`::%${interfaceName}`);
      }),
    );
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
      const socket = sockets[slot % sockets.length]!;
      if (isGroup) socket.send(octets, offset, length, port, host);
      else socket.send(octets, offset, length);
    },
    close,
  };
}
