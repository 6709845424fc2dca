/**
 * A UDP socket on ::1 that plays a client or a downstream relay.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { Mailbox } from "./mailbox.ts";

/** A received datagram. */
export interface Received {
  readonly octets: Uint8Array;
  /** UDP source port. */
  readonly port: number;
}

/** An open socket. */
export interface UdpPeer {
  readonly port: number;
  /** Sends from this socket; resolves when the system has taken the datagram. */
  readonly send: (octets: Uint8Array, port: number) => Promise<void>;
  readonly received: Mailbox<Received>;
  readonly close: () => void;
}

/** Opens a socket on a free port. */
export async function openUdpPeer(): Promise<UdpPeer> {
  const socket = createSocket({ type: "udp6", ipv6Only: true, recvBufferSize: 4 * 1024 * 1024 });
  const received = new Mailbox<Received>();
  socket.on("message", (octets, { port }) => {
    received.put({ octets: new Uint8Array(octets), port });
  });
  await new Promise<void>((resolve) => socket.bind(0, "::1", resolve));
  return {
    port: socket.address().port,
    received,
    send: (octets, port) =>
      new Promise((resolve, reject) => {
        socket.send(octets, port, "::1", (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      }),
    close: () => {
      socket.close();
    },
  };
}
