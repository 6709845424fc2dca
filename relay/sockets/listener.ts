/**
 * A UDP socket of the relay, IPv6 only.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { growReceiveBuffer, lookupNothing } from "../../src/udp-socket.ts";
import { formatEndpoint, isGroup } from "../endpoint.ts";
import type { Endpoint } from "../endpoint.ts";

/** What a socket is opened with. */
export interface ListenerOptions {
  /** IPv6 address as text, with `%zone` when it is of one link. */
  readonly address: string;
  /** UDP port: 0..65535; 0 lets the system choose one. */
  readonly port: number;
  /** Octets of the receive buffer to ask for. */
  readonly receiveBufferOctets: number;
  /** Takes a datagram and owns it from then on. The socket calls it directly. */
  readonly onDatagram: (datagram: Uint8Array, source: RemoteInfo) => void;
  /** Learns of a datagram that the system did not take. */
  readonly onSendFailed: () => void;
  /** Learns of other errors of the socket, such as an interface that went down. The socket stays open. */
  readonly onError: (error: Error) => void;
}

/** A socket that listens. */
export interface Listener extends Endpoint {
  /** Octets of the receive buffer that the kernel granted. Linux counts its own bookkeeping too: twice as many. */
  readonly receiveBufferOctets: number;
  /** Asks for another receive buffer, and tells how many octets the kernel granted. */
  readonly resizeReceiveBuffer: (octets: number) => number;
  /** Sends a datagram from this socket. */
  readonly send: (payload: Uint8Array, port: number, address: string) => void;
  /** Closes the socket when the last datagram has left it. */
  readonly close: () => Promise<void>;
}

/**
 * Opens a socket.
 *
 * A multicast address is bound as such: the socket then gets what was sent to this group on this link and nothing
 * else, so each link has a listener of its own, and answers leave through that link with its link-local address.
 *
 * @throws {Error} When the address can't be bound or the group can't be joined.
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

/** Counts the datagrams that the system has not taken yet: a socket that closes would forget them. */
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

async function bind(socket: Socket, { address, port, onDatagram }: ListenerOptions): Promise<void> {
  const [group, zone] = address.split("%", 2) as [string, string?];
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, address, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    if (isGroup(address)) socket.addMembership(group, `::%${zone}`);
    socket.on("message", onDatagram);
  } catch (error) {
    socket.close();
    const { message, code } = error as NodeJS.ErrnoException;
    const attempt = `Cannot listen on ${formatEndpoint({ address, port })}`;
    throw new Error(`${attempt}: ${message}${hintOf(code, zone)}`, { cause: error });
  }
}

/** What the operator can do about an error of the system; empty where its own message says enough. */
function hintOf(code: string | undefined, zone: string | undefined): string {
  if (code === "EADDRINUSE") return `, ${addressInUse}`;
  // An address whose zone names no interface is an invalid argument to the system.
  if (code === "EINVAL" && zone !== undefined) return `, expected "${zone}" to be an interface of this host`;
  return "";
}

/** Also at a reload, which opens the new socket before it closes the old one. */
const addressInUse =
  "expected an address and port that no socket has: one on [::] has all addresses, and to move to it or away from it " +
  "on the same port, restart the relay";
