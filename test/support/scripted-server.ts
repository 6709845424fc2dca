/**
 * A DHCP 4o6 server on [::1] whose answers a test scripts. It records all queries.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { MessageType, OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeDhcpV4, encodeDhcpV4 } from "../../src/wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../../src/wire/dhcpv4/message.ts";
import { encodeAddress } from "../../src/wire/dhcpv4/options/address.ts";
import { encodeMessageType } from "../../src/wire/dhcpv4/options/message-type.ts";
import { encodePortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import type { PortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import { encodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { MessageType6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeDhcpV4Query, encodeDhcpV4Response } from "../../src/wire/dhcpv6/dhcpv4-query.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayPath, encodeRelayReply } from "../../src/wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";

/** A query that the server received, decoded. */
export interface ReceivedQuery {
  readonly path: readonly RelayLevel[];
  readonly unicast: boolean;
  readonly options: readonly Option6[];
  readonly message: DhcpV4Message;
  /** Option 53. */
  readonly type: number;
}

/** Fields of a scripted answer that are not copied from the query. */
export interface ScriptedReply {
  readonly type: number;
  readonly address?: number;
  readonly portParams?: PortParams | undefined;
  /** Option 51; default 3600. */
  readonly leaseSeconds?: number;
  /** Additional DHCPv4 options. */
  readonly options?: ReadonlyMap<number, Uint8Array>;
  /** DHCPv6 options in addition to option 87. */
  readonly options6?: readonly Option6[];
}

/** 198.51.100.1 */
export const scriptedServerIdentifier = 0xc6336401;
/** 192.0.2.18 */
export const scriptedAddress = 0xc0000212;
/** One range of 1024 ports: 18432-19455. */
export const scriptedPortParams: PortParams = { psidOffset: 0, psidLength: 6, psid: 18 };

/** Encodes the answer to a query: in RELAY-REPL if the query came in RELAY-FORW. */
export function encodeReply(query: ReceivedQuery, reply: ScriptedReply): Uint8Array {
  const { message, path } = query;
  const isLease = reply.type !== MessageType.nak && reply.address !== undefined;
  const options = new Map([
    [OptionCode.messageType, encodeMessageType(reply.type)],
    [OptionCode.serverIdentifier, encodeAddress(scriptedServerIdentifier)],
    ...(isLease ? ([[OptionCode.leaseTime, encodeSeconds(reply.leaseSeconds ?? 3600)]] as const) : []),
    [OptionCode.clientIdentifier, message.options.get(OptionCode.clientIdentifier)!],
    ...(reply.portParams === undefined
      ? []
      : ([[OptionCode.portParams, encodePortParams(reply.portParams)]] as const)),
    ...(reply.options ?? []),
  ]);
  const dhcpv4 = encodeDhcpV4({ ...message, op: 2, yiaddr: reply.address ?? 0, overload: 0, options });
  return encodeRelayReply(path, encodeDhcpV4Response({ options: reply.options6 ?? [], dhcpv4 }));
}

/** Answers as a server with a single pair: every OFFER and ACK has the same address and port set. */
export function leaseAnswers(query: ReceivedQuery): Uint8Array[] {
  const lease = { address: scriptedAddress, portParams: scriptedPortParams };
  switch (query.type) {
    case MessageType.discover:
      return [encodeReply(query, { type: MessageType.offer, ...lease })];
    case MessageType.request:
      return [encodeReply(query, { type: MessageType.ack, ...lease })];
    case MessageType.inform:
      return [encodeReply(query, { type: MessageType.ack })];
    default:
      return [];
  }
}

/** A running scripted server. */
export interface ScriptedServer {
  readonly port: number;
  /** All queries so far. */
  readonly received: readonly ReceivedQuery[];
  /** Returns the next query that no earlier call returned, and waits for it if necessary. */
  readonly next: () => Promise<ReceivedQuery>;
  readonly close: () => Promise<void>;
}

/** @param answer Returns the datagrams to send to the sender of a query. */
export async function startScriptedServer(
  answer: (query: ReceivedQuery) => readonly Uint8Array[],
): Promise<ScriptedServer> {
  const received: ReceivedQuery[] = [];
  const waiters: ((query: ReceivedQuery) => void)[] = [];
  let handedOut = 0;
  const socket = createSocket("udp6");
  socket.on("message", (datagram, { address, port }) => {
    const query = decodeReceived(new Uint8Array(datagram));
    received.push(query);
    if (waiters.length > 0) {
      handedOut++;
      waiters.shift()!(query);
    }
    for (const reply of answer(query)) socket.send(reply, port, address);
  });
  socket.bind(0, "::1");
  await once(socket, "listening");
  return {
    port: socket.address().port,
    received,
    next: () =>
      handedOut < received.length
        ? Promise.resolve(received[handedOut++]!)
        : new Promise((resolve) => waiters.push(resolve)),
    close: () =>
      new Promise((resolve) => {
        socket.close(resolve);
      }),
  };
}

function decodeReceived(datagram: Uint8Array): ReceivedQuery {
  const isRelayed = datagram[0] === MessageType6.relayForward;
  const { path, message: octets } = isRelayed ? decodeRelayPath(datagram) : { path: [], message: datagram };
  const { unicast, options, dhcpv4 } = decodeDhcpV4Query(octets);
  const message = decodeDhcpV4(dhcpv4);
  return { path, unicast, options, message, type: message.options.get(OptionCode.messageType)![0]! };
}
