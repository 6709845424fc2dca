/**
 * The UDP side of a client: one socket towards one server, relay or multicast group.
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
import { lookupNothing } from "../udp-socket.ts";
import { isMulticast, parseIPv6 } from "../wire/ipv6-address.ts";

/** Where a client sends to and what from. */
interface LinkTarget {
  /** IPv6 address, unicast or multicast. */
  readonly server: string;
  /** UDP port of the server or relay, 1 to 65535. RFC 8415 §7.2 has 547. */
  readonly port: number;
  /** Name of the interface; needed for a link-local or multicast server. */
  readonly interfaceName?: string | undefined;
  /** UDP port of the client, 0 to 65535. RFC 8415 §7.2 has 546. Default: 0, any free one. */
  readonly localPort?: number;
}

/** A way to send queries and to hear answers. */
export interface Link {
  readonly send: (datagram: Uint8Array) => void;
  /** Sends the last datagram before {@link Link.close}: resolves when the system has taken it. */
  readonly sendLast: (datagram: Uint8Array) => Promise<void>;
  /**
   * Listens until the function that comes back is called.
   *
   * @param onDatagram Gets each datagram; it may keep the octets.
   * @param onError Gets what the socket says: no route, for example.
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
 * @throws {SyntaxError} When the server is no IPv6 address.
 * @throws {Error} When the socket can't be bound, or the interface does not exist.
 */
export async function openLink({ server, port, interfaceName, localPort = 0 }: LinkTarget): Promise<Link> {
  const isGroup = isMulticast(parseIPv6(server));
  const host = interfaceName === undefined ? server : `${server}%${interfaceName}`;
  const socket = await bindSocket(localPort);
  if (isGroup && interfaceName !== undefined) socket.setMulticastInterface(`::%${interfaceName}`);
  return {
    send: (datagram) => {
      // Without a callback, an error of the send reaches the listener of `listen`.
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
      // A Buffer is a Uint8Array whose `slice` does something else: decoders get the plain kind.
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
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, () => {
        socket.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    socket.close();
    throw error;
  }
  // Between two exchanges nobody listens, and an error that nobody hears would end the process.
  socket.on("error", () => undefined);
  return socket;
}

/**
 * Finds the address that the system sends from: a client whose source changed has to start again (R7618-6-13).
 *
 * Connecting a UDP socket chooses the route and sends nothing.
 *
 * @returns IPv6 address as text, without a zone.
 * @throws {Error} When there is no route.
 */
export async function findSourceAddress({ server, port, interfaceName }: LinkTarget): Promise<string> {
  const socket = createSocket("udp6");
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      const host = interfaceName === undefined ? server : `${server}%${interfaceName}`;
      socket.connect(port, host, () => {
        resolve();
      });
    });
    return socket.address().address.replace(/%.*$/, "");
  } finally {
    socket.close();
  }
}
