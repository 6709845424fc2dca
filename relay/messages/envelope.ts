/**
 * What a DHCPv6 relay does to a message (RFC 8415 §19): a RELAY-FORW around what comes from below, and off again with
 * the RELAY-REPL around an answer. Pure, and without memory: the Interface-Id carries what the way back needs.
 *
 * The look at a datagram is shallow: the relay forwards what it can put around, the allocator judges what is inside.
 *
 * @example
 * ```ts
 * const origin = { listener: 0, isGroup: true, linkAddress, peer: peers.parse("fe80::1%eth0"), port: 546 };
 * const wrapped = wrapDatagram(datagram, origin);
 * if (wrapped.kind === "forward") post(wrapped.frame);
 * const unwrapped = unwrapAnswer(answer, 1, "standard");
 * if (unwrapped.kind === "deliver") send(unwrapped.payload, unwrapped.port, unwrapped.address);
 * ```
 *
 * @module
 */
import { messageOctetsMax } from "../../src/limits.ts";
import { tryDecode } from "../../src/wire/decode-error.ts";
import { clientPort, MessageType6, OptionCode6, serverPort } from "../../src/wire/dhcpv6/codes.ts";
import { findOption6, optionHeaderOctets } from "../../src/wire/dhcpv6/options.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayPort, encodeRelayPort } from "../../src/wire/dhcpv6/options/relay-port.ts";
import {
  decodeRelayMessage,
  decodeRelayPath,
  encodeRelayMessage,
  relayHeaderOctets,
} from "../../src/wire/dhcpv6/relay.ts";
import type { RelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { formatIPv6, isLinkLocal, isMulticast, isUnspecified } from "../../src/wire/ipv6-address.ts";
import { decodeInterfaceId, encodeInterfaceId, interfaceIdOctetsMax, isZone } from "./interface-id.ts";
import type { DropReason } from "../reasons.ts";

/** Address of the host that a datagram came from. */
export interface PeerAddress {
  /** 16 octets. */
  readonly address: Uint8Array;
  /** Name of the interface when the address is link-local, else empty. */
  readonly zone: string;
}

/** Where a datagram came from. */
export interface Origin {
  /** Number of the listener: 0..255. */
  readonly listener: number;
  /** Whether the listener hears what is sent to a multicast group, and nothing else. */
  readonly isGroup: boolean;
  /** An address of the link that the datagram came from, 16 octets; `::` when there is none. */
  readonly linkAddress: Uint8Array;
  /** Source address. */
  readonly peer: PeerAddress;
  /** UDP source port. */
  readonly port: number;
}

/** What goes up, and to whom. */
export type Wrapped = { readonly kind: "forward"; readonly to: Upstream; readonly frame: Uint8Array } | Drop;

/** Where a relay sends messages to: the allocator, or DHCPv6 servers for all that is not 4o6. */
export type Upstream = "allocator" | "servers";

/** How messages are divided between the allocator and DHCPv6 servers. */
export interface ServersRule {
  /** Where a client's DHCPV4-QUERY goes (R7341-10-02). `servers`: this relay treats it like any other message. */
  readonly queries: Upstream;
  /**
   * Where a RELAY-FORW goes: `examine` looks for a DHCPV4-QUERY in it, which goes where `queries` says; the others say
   * one place for all. RFC 7341 §10 defines another destination for queries only at the relay next to the client
   * (R7341-10-03): `servers` is that rule to the letter.
   */
  readonly relayed: "examine" | Upstream;
  /** The socket towards the servers has another port than 547: they must answer to it (RFC 8357). */
  readonly asksForPort: boolean;
}

/** What goes down. */
export type Unwrapped = Delivery | Drop;

/** A datagram for a client or a downstream relay. */
export interface Delivery {
  readonly kind: "deliver";
  /** Number of the listener whose socket sends it: the answer leaves from where the query came (R7341-11-06). */
  readonly listener: number;
  /** Destination as text, with `%zone` when it is link-local. */
  readonly address: string;
  readonly port: number;
  /** Content of the Relay Message, a view of the answer. */
  readonly payload: Uint8Array;
}

/** What goes no further. */
export interface Drop {
  readonly kind: "drop";
  readonly reason: DropReason;
}

/**
 * Which UDP port answers go to. `standard`: 546 of a client, and 547 of a relay unless it asked for another one
 * (RFC 8415 §7.2, RFC 8357). `source`: the port that the query came from, for clients without the right to use 546.
 */
export type ReplyPort = "standard" | "source";

/** HOP_COUNT_LIMIT (RFC 8415 §7.6). */
const hopCountLimit = 8;

/** Octets before the options of a client's message. */
const messageHeaderOctets = 4;

/** Octets of the data of option 135. */
const relayPortOctets = 2;

/** Octets that a datagram may have so that it fits in a frame, with the largest level of ours around it. */
const datagramOctetsMax =
  messageOctetsMax - relayHeaderOctets - 3 * optionHeaderOctets - interfaceIdOctetsMax - relayPortOctets;

const unspecified = new Uint8Array(16);

/** Messages that servers send, and clients and relays nearer the clients never do (RFC 6221 §6.1, R7341-6.4-01). */
const serverMessages: readonly number[] = [
  MessageType6.advertise,
  MessageType6.reply,
  MessageType6.reconfigure,
  MessageType6.dhcpv4Response,
];

/**
 * Puts a message into a RELAY-FORW of ours.
 *
 * @param datagram From a client or a downstream relay. It is copied.
 * @param servers Left out where there are none: then other messages than 4o6 go nowhere.
 */
export function wrapDatagram(datagram: Uint8Array, origin: Origin, servers?: ServersRule): Wrapped {
  const type = datagram[0];
  if (type === undefined || datagram.length < messageHeaderOctets) return drop("runt");
  if (datagram.length > datagramOctetsMax) return drop("oversized");
  if (type === MessageType6.dhcpv4Query) {
    return wrap(datagram, origin, client, servers?.queries ?? "allocator", servers);
  }
  if (type === MessageType6.relayForward) return wrapRelayed(datagram, origin, servers);
  if (type === MessageType6.relayReply) return drop("relay-reply-from-below");
  if (serverMessages.includes(type)) return drop("response-from-below");
  if (servers === undefined) return drop("unserved-message-type");
  return wrap(datagram, origin, client, "servers", servers);
}

/** RFC 8415 §19.1.2: one hop more, unless the message has passed too many. */
function wrapRelayed(datagram: Uint8Array, origin: Origin, servers: ServersRule | undefined): Wrapped {
  if (datagram.length < relayHeaderOctets) return drop("runt");
  const message = tryDecode(decodeRelayMessage, datagram);
  if (message === undefined) return drop("malformed-relay-forward");
  if (message.hopCount >= hopCountLimit) return drop("hop-limit");
  const asksForPort = findOption6(message.options, OptionCode6.relayPort) !== undefined;
  const sender = { hopCount: message.hopCount + 1, isRelay: true, asksForPort };
  return wrap(datagram, origin, sender, upstreamOf(datagram, servers), servers);
}

/** What no DHCPv6 relay could read goes where queries go: the allocator counts why. */
function upstreamOf(datagram: Uint8Array, servers: ServersRule | undefined): Upstream {
  if (servers?.relayed !== "examine") return servers?.relayed ?? "allocator";
  const type = tryDecode(decodeRelayPath, datagram)?.message[0];
  return type === undefined || type === MessageType6.dhcpv4Query ? servers.queries : "servers";
}

/** Who sent a datagram. */
interface Sender {
  /** Hop-count of our level. */
  readonly hopCount: number;
  readonly isRelay: boolean;
  /** It is a relay that wants answers at the port it sends from (RFC 8357). */
  readonly asksForPort: boolean;
}

const client: Sender = { hopCount: 0, isRelay: false, asksForPort: false };

function wrap(
  datagram: Uint8Array,
  origin: Origin,
  sender: Sender,
  to: Upstream,
  servers: ServersRule | undefined,
): Wrapped {
  const { listener, port } = origin;
  const { address: peerAddress, zone } = origin.peer;
  if (port === 0 || !isZone(zone) || !isUnicast(peerAddress)) return drop("unusable-source");
  const options: Option6[] = [
    { code: OptionCode6.interfaceId, data: encodeInterfaceId({ listener, port, zone }) },
  ];
  const downstreamPort = sender.asksForPort && port !== serverPort ? port : 0;
  // RFC 8357 §5.2: said by who uses another port than 547, and by who heard it from below.
  if (downstreamPort > 0 || (to === "servers" && servers?.asksForPort === true)) {
    options.push({ code: OptionCode6.relayPort, data: encodeRelayPort(downstreamPort) });
  }
  // A relay that reaches us from beyond its link named the client's link itself (RFC 8415 §19.1.2).
  const linkAddress = sender.isRelay && !isLinkLocal(peerAddress) ? unspecified : origin.linkAddress;
  const level = { hopCount: sender.hopCount, linkAddress, peerAddress, options };
  return { kind: "forward", to, frame: encodeRelayMessage(MessageType6.relayForward, level, datagram) };
}

/**
 * Takes an answer out of the RELAY-REPL that mirrors our level. What is inside goes on as it is, whatever its type
 * (R8415-19.2-02).
 *
 * @param frame One frame of the allocator's answer.
 * @param listeners How many listeners there are.
 */
export function unwrapAnswer(frame: Uint8Array, listeners: number, replyPort: ReplyPort): Unwrapped {
  const answer = tryDecode(decodeRelayMessage, frame);
  if (answer?.type !== MessageType6.relayReply || answer.message.length < messageHeaderOctets) {
    return drop("malformed-answer");
  }
  const interfaceId = decodeInterfaceId(findOption6(answer.options, OptionCode6.interfaceId));
  if (interfaceId === undefined || interfaceId.listener >= listeners) return drop("unknown-interface-id");
  const { peerAddress, message: payload } = answer;
  if (!isUnicast(peerAddress)) return drop("unusable-destination");
  return {
    kind: "deliver",
    listener: interfaceId.listener,
    address: formatPeer({ address: peerAddress, zone: interfaceId.zone }),
    port: replyPort === "source" ? interfaceId.port : standardPort(payload, answer.options),
    payload,
  };
}

/** An answer within an answer is for a relay; everything else is for a client (RFC 8415 §19.2). */
function standardPort(payload: Uint8Array, options: readonly Option6[]): number {
  if (payload[0] !== MessageType6.relayReply) return clientPort;
  const asked = tryDecode(decodeRelayPort, findOption6(options, OptionCode6.relayPort)) ?? 0;
  return asked === 0 ? serverPort : asked;
}

/** Formats where a datagram goes to. */
export function formatPeer({ address, zone }: PeerAddress): string {
  return zone === "" ? formatIPv6(address) : `${formatIPv6(address)}%${zone}`;
}

/**
 * The port for an answer of our own, rather than of one above us, to a datagram that came to us: a client's, or what a
 * relay sends from when it asked for that (RFC 8357 §5.3), else 547.
 */
export function ownAnswerPort(
  datagram: RelayMessage | undefined,
  port: number,
  replyPort: ReplyPort,
): number {
  if (replyPort === "source") return port;
  if (datagram === undefined) return clientPort;
  return findOption6(datagram.options, OptionCode6.relayPort) === undefined ? serverPort : port;
}

/** @returns Whether an address is that of one host. */
function isUnicast(address: Uint8Array): boolean {
  return !isMulticast(address) && !isUnspecified(address);
}

function drop(reason: DropReason): Drop {
  return { kind: "drop", reason };
}
