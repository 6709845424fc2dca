/**
 * The way to DHCPv6 servers, for messages that are not 4o6: this is what any DHCPv6 relay does (RFC 8415 §19), one
 * datagram for one datagram.
 *
 * @module
 */
import type { RemoteInfo } from "node:dgram";
import type { ServersRule } from "./envelope.ts";
import { openListener } from "./listener.ts";
import type { ListenerOptions } from "./listener.ts";
import { Peers } from "./peers.ts";
import { encodeHex } from "../src/wire/hex.ts";

/** An address and a UDP port. */
export interface Endpoint {
  /** IPv6 address as text, with `%zone` when it is link-local. */
  readonly address: string;
  readonly port: number;
}

/** Settings. */
export interface ServersConfig {
  /** Each gets each message; unicast addresses only (R8415-19-01). */
  readonly destinations: readonly Endpoint[];
  /** What the relay sends from and hears answers at. Another port than 547 takes servers that know RFC 8357. */
  readonly source: Endpoint;
  readonly relayed: ServersRule["relayed"];
}

/** What happens outside. */
export interface ServersPorts extends Pick<
  ListenerOptions,
  "receiveBufferOctets" | "onSendFailed" | "onTrouble"
> {
  /** Takes a datagram of a configured server. */
  readonly onAnswer: (datagram: Uint8Array) => void;
  /** Learns of a datagram from anyone else. */
  readonly onStranger: () => void;
}

/** The way to the servers. */
export interface Servers {
  /** For {@link wrapDatagram}. */
  readonly rule: ServersRule;
  /** Port of our socket. */
  readonly port: number;
  /** Sends a frame to each server. */
  readonly send: (frame: Uint8Array) => void;
  readonly close: () => Promise<void>;
}

/** Port of relays and servers (RFC 8415 §7.2). */
const serverPort = 547;

/**
 * Opens the socket towards the servers.
 *
 * @throws {Error} When its address can't be bound.
 */
export async function openServers(
  { destinations, source, relayed }: ServersConfig,
  ports: ServersPorts,
): Promise<Servers> {
  const peers = new Peers();
  const keyOf = (text: string): string => {
    const { address, zone } = peers.parse(text);
    return `${encodeHex(address)}%${zone}`;
  };
  const known = new Set(destinations.map(({ address }) => keyOf(address)));
  const { onAnswer, onStranger, ...rest } = ports;
  const onDatagram = (datagram: Uint8Array, { address }: RemoteInfo): void => {
    // Whoever else could reach this socket could answer our clients (R8415-19.2-01 trusts the sender).
    if (known.has(keyOf(address))) onAnswer(datagram);
    else onStranger();
  };
  const socket = await openListener({ ...source, ...rest, onDatagram });
  return {
    rule: { relayed, asksForPort: socket.port !== serverPort },
    port: socket.port,
    send: (frame) => {
      for (const { address, port } of destinations) socket.send(frame, port, address);
    },
    close: socket.close,
  };
}
