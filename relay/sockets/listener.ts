/**
 * A UDP socket of the relay, IPv6 only.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { relayReceiveBufferOctets } from "../../src/limits.ts";
import { growReceiveBuffer, lookupNothing } from "../../src/udp-socket.ts";
import { formatEndpoint, isGroup } from "../endpoint.ts";
import type { Endpoint } from "../endpoint.ts";

/** Options for opening a socket. */
export interface ListenerOptions {
  /** IPv6 address as text, with `%zone` if it belongs to one link. */
  readonly address: string;
  /** UDP port: 0..65535; 0 lets the system choose one. */
  readonly port: number;
  /** Further interfaces on which a multicast group is joined. */
  readonly joinedAlso?: readonly string[] | undefined;
  /** Octets of the receive buffer to request. */
  readonly receiveBufferOctets: number;
  /** Receives a datagram and owns it from then on. The socket calls it directly. */
  readonly onDatagram: (datagram: Uint8Array, source: RemoteInfo) => void;
  /** Called when the system refuses to send a datagram. */
  readonly onSendFailed: () => void;
  /** Called on other errors of the socket, such as an interface that went down. The socket stays open. */
  readonly onError: (error: Error) => void;
}

/** A listening socket. */
export interface Listener extends Endpoint {
  /** Octets of the receive buffer that the kernel granted. Linux reports twice the size, to include its overhead. */
  readonly receiveBufferOctets: number;
  /** Requests another size of the receive buffer, in octets, and returns the size that the kernel granted. */
  readonly resizeReceiveBuffer: (octets: number) => number;
  /** Sends a datagram from this socket. */
  readonly send: (payload: Uint8Array, port: number, address: string) => void;
  /** Closes the socket once the system has taken the last datagram. */
  readonly close: () => Promise<void>;
}

/** Opens a socket; {@link openListener} opens one of the system. */
export type OpenListener = (options: ListenerOptions) => Promise<Listener>;

/**
 * Opens a socket.
 *
 * A multicast address is bound as it is. The socket then receives only what was sent to this group on this link, so
 * each link has its own listener, and answers leave through that link with its link-local address.
 *
 * @throws {Error} If the address can't be bound or the group can't be joined.
 */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const socket = createSocket({ type: "udp6", ipv6Only: true, lookup: lookupNothing });
  await bind(socket, options);
  socket.on("error", options.onError);
  const receiveBufferOctets = growReceiveBuffer(socket, options.receiveBufferOctets);
  const sending = createSendTracker(options.onSendFailed);
  const { address, port } = socket.address();
  return {
    address: options.address.includes("%") ? options.address : address,
    port,
    receiveBufferOctets,
    resizeReceiveBuffer: (octets) => growReceiveBuffer(socket, octets),
    send: (payload, toPort, toAddress) => {
      sending.begin();
      socket.send(payload, toPort, toAddress, sending.end);
    },
    close: async () => {
      await sending.idle();
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}

/**
 * Opens sockets for a moment. A process calls this before it changes what the process in its place may use.
 *
 * @throws {Error} If an address can't be bound or a group can't be joined.
 */
export async function tryListeners(
  listeners: readonly Pick<ListenerOptions, "address" | "port" | "joinedAlso">[],
): Promise<void> {
  const open: Listener[] = [];
  try {
    for (const { address, port, joinedAlso } of listeners)
      open.push(await openListener({ address, port, joinedAlso, ...ignoring }));
  } finally {
    await Promise.all(open.map(({ close }) => close()));
  }
}

const ignore = (): void => undefined;
const ignoring = {
  receiveBufferOctets: relayReceiveBufferOctets,
  onDatagram: ignore,
  onSendFailed: ignore,
  onError: ignore,
};

/** Tracks the datagrams that the system has not taken yet, because closing the socket would lose them. */
function createSendTracker(onSendFailed: () => void) {
  let count = 0;
  let onIdle: (() => void) | undefined;
  return {
    begin: () => {
      count++;
    },
    end: (error: Error | null) => {
      count--;
      if (error !== null) onSendFailed();
      if (count === 0) onIdle?.();
    },
    idle: () =>
      new Promise<void>((resolve) => {
        if (count === 0) resolve();
        else onIdle = resolve;
      }),
  };
}

async function bind(
  socket: Socket,
  { address, port, joinedAlso = [], onDatagram }: ListenerOptions,
): Promise<void> {
  const [group, zone] = address.split("%", 2) as [string, string?];
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, address, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    if (isGroup(address)) {
      for (const joined of [zone!, ...joinedAlso]) socket.addMembership(group, `::%${joined}`);
    }
    socket.on("message", onDatagram);
  } catch (error) {
    socket.close();
    const fault = faultOf(error as NodeJS.ErrnoException, zone);
    throw new Error(`Cannot listen on ${formatEndpoint({ address, port })}: ${fault}`, { cause: error });
  }
}

/** Returns what a system error means to the operator: its message, unless that says something else. */
function faultOf({ code, message }: NodeJS.ErrnoException, zone: string | undefined): string {
  // The system reports an unknown interface in the zone as an invalid argument.
  if (code === "EINVAL" && zone !== undefined)
    return `found no interface ${zone} (EINVAL), ${interfaceOfHost}`;
  if (code === "EADDRINUSE") return `${message}, ${addressInUse}`;
  if (code === "EADDRNOTAVAIL") return `${message}, expected an address of this host`;
  if (code === "EACCES")
    return `${message}, expected a port above 1023, or CAP_NET_BIND_SERVICE for this process`;
  return message;
}

const interfaceOfHost = "expected --interface, --listen or listeners to name an interface of this host";

/** Also applies to a reload, which opens the new socket before it closes the old one. */
const addressInUse =
  "expected an address and port that no other socket uses; a socket on [::] uses every address: to move to " +
  "[::] or away from it on the same port, restart the relay";
