/**
 * Wraps datagrams from clients in a RELAY-FORW, and unwraps answers from a RELAY-REPL (RFC 8415 §19). Pure and
 * stateless: the Interface-Id contains everything needed to deliver the answer.
 *
 * The relay checks only what it needs to wrap a datagram. The allocator checks the message inside.
 *
 * @example
 * ```ts
 * const peer = peers.parse("fe80::1%eth0");
 * const origin = { listener: 0, isGroup: true, linkAddress, peer, port: 546, believed: 0 };
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
import { messageHeaderOctets } from "../../src/wire/dhcpv6/message.ts";
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
import {
  decodeInterfaceId,
  encodeInterfaceId,
  interfaceIdOctetsMax,
  isZone,
} from "../../src/wire/relay-interface-id.ts";
import type { DropReason } from "../reasons.ts";

/** Source address of a datagram. */
export interface PeerAddress {
  /** 16 octets. */
  readonly address: Uint8Array;
  /** Name of the interface if the address is link-local, else empty. */
  readonly zone: string;
}

/** Origin of a datagram. */
export interface Origin {
  /** Number of the listener: 0..255. */
  readonly listener: number;
  /** Whether the listener is bound to a multicast group, so that it receives only what is sent to that group. */
  readonly isGroup: boolean;
  /** An address of the link that the datagram came from, 16 octets; `::` if the link has no suitable address. */
  readonly linkAddress: Uint8Array;
  /** Source address. */
  readonly peer: PeerAddress;
  /** UDP source port. */
  readonly port: number;
  /** Number of relay levels of the datagram that are believed, from the outermost (`trust.ts`). */
  readonly believed: number;
}

/** A wrapped datagram with its destination, or the reason it is dropped. */
export type Wrapped = { readonly kind: "forward"; readonly to: Upstream; readonly frame: Uint8Array } | Drop;

/** Destination of a message: the allocator, or the DHCPv6 servers. */
export type Upstream = "allocator" | "servers";

/** How messages are divided between the allocator and DHCPv6 servers. */
export interface ServersRule {
  /** Where a client's DHCPV4-QUERY goes (R7341-10-02). `servers`: this relay treats it as any other message. */
  readonly queries: Upstream;
  /**
   * Where a RELAY-FORW goes. `examine` looks inside: one that contains a DHCPV4-QUERY goes where `queries` says, any
   * other to the servers. `allocator` and `servers` send all of them to one place. RFC 7341 §10 defines a separate
   * destination for queries only at the relay next to the client (R7341-10-03); `servers` is that rule exactly.
   */
  readonly relayed: "examine" | Upstream;
  /** Whether our socket towards the servers uses a port other than 547, to which they must answer (RFC 8357). */
  readonly asksForPort: boolean;
}

/** An answer to deliver, or the reason it is dropped. */
export type Unwrapped = Delivery | Drop;

/** A datagram for a client or a downstream relay. */
export interface Delivery {
  readonly kind: "deliver";
  /** Number of the listener whose socket sends it: an answer leaves from the socket of its query (R7341-11-06). */
  readonly listener: number;
  /** Destination as text, with `%zone` when it is link-local. */
  readonly address: string;
  readonly port: number;
  /** Content of the Relay Message option, a view of the answer. */
  readonly payload: Uint8Array;
}

/** A datagram or answer that is dropped. */
export interface Drop {
  readonly kind: "drop";
  readonly reason: DropReason;
}

/**
 * Which UDP port answers go to. `standard`: port 546 of a client, and port 547 of a relay unless it requested another
 * port (RFC 8415 §7.2, RFC 8357). `source`: the source port of the query, for clients that may not use 546.
 */
export type ReplyPort = "standard" | "source";

/** HOP_COUNT_LIMIT (RFC 8415 §7.6). */
const hopCountLimit = 8;

/** Octets of the data of option 135. */
const relayPortOctets = 2;

/** Octets of the largest datagram that fits in a frame together with our largest relay level. */
const datagramOctetsMax =
  messageOctetsMax - relayHeaderOctets - 3 * optionHeaderOctets - interfaceIdOctetsMax - relayPortOctets;

const unspecified = new Uint8Array(16);

/** Messages that only servers send, never clients or downstream relays (RFC 6221 §6.1, R7341-6.4-01). */
const serverMessages: readonly number[] = [
  MessageType6.advertise,
  MessageType6.reply,
  MessageType6.reconfigure,
  MessageType6.dhcpv4Response,
];

/**
 * Wraps a datagram in a RELAY-FORW of ours (RFC 8415 §19.1).
 *
 * @param datagram From a client or a downstream relay. It is copied.
 * @param servers Omitted if there are no DHCPv6 servers; then messages that are not 4o6 are dropped.
 * @returns The frame and where to send it, or the reason the datagram is dropped.
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

/** Wraps a RELAY-FORW: adds one to its hop count, or drops it if the limit is reached (RFC 8415 §19.1.2). */
function wrapRelayed(datagram: Uint8Array, origin: Origin, servers: ServersRule | undefined): Wrapped {
  if (datagram.length < relayHeaderOctets) return drop("runt");
  const message = tryDecode(decodeRelayMessage, datagram);
  if (message === undefined) return drop("malformed-relay-forward");
  if (message.hopCount >= hopCountLimit) return drop("hop-limit");
  const asksForPort = findOption6(message.options, OptionCode6.relayPort) !== undefined;
  const sender = { hopCount: message.hopCount + 1, isRelay: true, asksForPort };
  return wrap(datagram, origin, sender, upstreamOf(datagram, servers), servers);
}

/** A RELAY-FORW that can't be decoded goes where queries go, so that the allocator can count the reason. */
function upstreamOf(datagram: Uint8Array, servers: ServersRule | undefined): Upstream {
  if (servers?.relayed !== "examine") return servers?.relayed ?? "allocator";
  const type = tryDecode(decodeRelayPath, datagram)?.message[0];
  return type === undefined || type === MessageType6.dhcpv4Query ? servers.queries : "servers";
}

/** Sender of a datagram. */
interface Sender {
  /** Hop count of our relay level. */
  readonly hopCount: number;
  readonly isRelay: boolean;
  /** Whether it is a relay that wants answers at its source port (RFC 8357). */
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
  if (!canBeAnswered(origin)) return drop("unusable-source");
  const { listener, port, believed } = origin;
  const { address: peerAddress, zone } = origin.peer;
  const options: Option6[] = [
    { code: OptionCode6.interfaceId, data: encodeInterfaceId({ listener, port, believed, zone }) },
  ];
  const downstreamPort = sender.asksForPort && port !== serverPort ? port : 0;
  // RFC 8357 §5.2: a relay adds the option if it uses a port other than 547, or if the relay below it does.
  if (downstreamPort > 0 || (to === "servers" && servers?.asksForPort === true)) {
    options.push({ code: OptionCode6.relayPort, data: encodeRelayPort(downstreamPort) });
  }
  // A relay with a source address that is not link-local has named the client's link itself (RFC 8415 §19.1.2).
  const linkAddress = sender.isRelay && !isLinkLocal(peerAddress) ? unspecified : origin.linkAddress;
  const level = { hopCount: sender.hopCount, linkAddress, peerAddress, options };
  return { kind: "forward", to, frame: encodeRelayMessage(MessageType6.relayForward, level, datagram) };
}

/**
 * Unwraps an answer from the RELAY-REPL that mirrors our relay level. The message inside is delivered unchanged,
 * whatever its type (R8415-19.2-02).
 *
 * @param frame One frame of the allocator's answer, or a datagram of a DHCPv6 server.
 * @param listeners Exclusive upper bound of listener numbers: 1..256.
 * @returns The datagram and its destination, or the reason the answer is dropped.
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

/** A RELAY-REPL inside the answer is for a relay; any other message is for a client (RFC 8415 §19.2). */
function standardPort(payload: Uint8Array, options: readonly Option6[]): number {
  if (payload[0] !== MessageType6.relayReply) return clientPort;
  const requested = tryDecode(decodeRelayPort, findOption6(options, OptionCode6.relayPort)) ?? 0;
  return requested === 0 ? serverPort : requested;
}

/** Formats an address, with `%zone` if it has a zone. */
export function formatPeer({ address, zone }: PeerAddress): string {
  return zone === "" ? formatIPv6(address) : `${formatIPv6(address)}%${zone}`;
}

/**
 * Chooses the port for an answer that this relay creates itself: 546 for a client; for a relay its source port if it
 * requested that (RFC 8357 §5.3), else 547.
 *
 * @param datagram The outermost RELAY-FORW; undefined if the datagram came from a client.
 * @param port UDP source port of the datagram: 1..65535.
 * @returns UDP port: 1..65535; always the source port if `replyPort` is `source`.
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

/**
 * Whether an answer can be sent to the source of a datagram. UDP allows the source port 0 for who wants no answer, and
 * a raw socket can send from it, but a socket throws when it is told to send there.
 */
export function canBeAnswered({ port, peer }: Pick<Origin, "port" | "peer">): boolean {
  return port !== 0 && isZone(peer.zone) && isUnicast(peer.address);
}

/** @returns Whether an address is unicast. */
function isUnicast(address: Uint8Array): boolean {
  return !isMulticast(address) && !isUnspecified(address);
}

function drop(reason: DropReason): Drop {
  return { kind: "drop", reason };
}
