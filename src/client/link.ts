/**
 * The UDP transport of a client: one socket for one server, relay or multicast group.
 *
 * ```ts
 * import { openLink } from "./link.ts";
 *
 * const link = await openLink({ server: "::1", port: 8547 });
 * link.send(datagram);
 * link.close();
 * ```
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { bindLocalPort, connectSocket, lookupNothing } from "../udp-socket.ts";
import { isMulticast, parseIPv6 } from "../wire/ipv6-address.ts";

/** Where a client sends its queries, and from which interface and port. */
interface LinkTarget {
  /** IPv6 address, unicast or multicast. */
  readonly server: string;
  /** UDP port of the server or relay, 1 to 65535. RFC 8415 §7.2 assigns 547. */
  readonly port: number;
  /** Name of the interface; required for a link-local or multicast server. */
  readonly interfaceName?: string | undefined;
  /** UDP port of the client, 0 to 65535. RFC 8415 §7.2 assigns 546. Default: 0, any free port. */
  readonly localPort?: number;
}

/** Sends queries and receives answers. */
export interface Link {
  readonly send: (datagram: Uint8Array) => void;
  /** Sends the last datagram before {@link Link.close}. Resolves when the operating system has accepted it. */
  readonly sendLast: (datagram: Uint8Array) => Promise<void>;
  /**
   * Listens for datagrams and socket errors.
   *
   * @param onDatagram Receives each datagram; it may keep the octets.
   * @param onError Receives socket errors, for example when there is no route.
   * @returns A function that stops listening.
   */
  readonly listen: (
    onDatagram: (datagram: Uint8Array) => void,
    onError: (error: Error) => void,
  ) => () => void;
  readonly close: () => void;
}

/**
 * Opens a link.
 *
 * @param target The server, and what to send from.
 * @throws {SyntaxError} When the server is not an IPv6 address.
 * @throws {LocalPortError} When the local port is in use, or may not be used.
 * @throws {Error} When the interface does not exist.
 */
export async function openLink({ server, port, interfaceName, localPort = 0 }: LinkTarget): Promise<Link> {
  const isGroup = isMulticast(parseIPv6(server));
  const host = interfaceName === undefined ? server : `${server}%${interfaceName}`;
  const socket = await bindSocket(localPort);
  if (isGroup && interfaceName !== undefined) socket.setMulticastInterface(`::%${interfaceName}`);
  return {
    send: (datagram) => {
      // There is no callback, so a send error is emitted to the `onError` of `listen`.
      socket.send(datagram, port, host);
    },
    sendLast: (datagram) =>
      new Promise((resolve, reject) => {
        socket.send(datagram, port, host, (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      }),
    listen: (onDatagram, onError) => {
      // `slice` of a Buffer returns a view, not a copy, so decoders get a plain Uint8Array.
      const onMessage = ({ buffer, byteOffset, length }: Buffer): void => {
        onDatagram(new Uint8Array(buffer, byteOffset, length));
      };
      socket.on("message", onMessage);
      socket.on("error", onError);
      return () => {
        socket.off("message", onMessage);
        socket.off("error", onError);
      };
    },
    close: () => {
      socket.close();
    },
  };
}

async function bindSocket(port: number): Promise<Socket> {
  const socket = createSocket({ type: "udp6", lookup: lookupNothing });
  try {
    await bindLocalPort(socket, port);
  } catch (error) {
    socket.close();
    throw error;
  }
  // No exchange listens between two exchanges, and an unhandled "error" event would end the process.
  socket.on("error", () => undefined);
  return socket;
}

/**
 * Finds the source address that the operating system would send from. A client whose source address changed has to
 * start over (R7618-6-13).
 *
 * Connecting a UDP socket selects the route without sending anything.
 *
 * @param target The server, and the interface to send from.
 * @returns IPv6 address as text, without a zone.
 * @throws {Error} When there is no route.
 */
export async function findSourceAddress({ server, port, interfaceName }: LinkTarget): Promise<string> {
  const socket = createSocket("udp6");
  try {
    await connectSocket(socket, port, interfaceName === undefined ? server : `${server}%${interfaceName}`);
    return socket.address().address.replace(/%.*$/, "");
  } finally {
    socket.close();
  }
}
