/**
 * Whom a listener believes: which relay levels of a message were added by trusted relays. Pure.
 *
 * Anyone can send a RELAY-FORW, and what is inside one can be anything. So levels are believed from the outside in, each
 * because the address that sent it belongs to a trusted relay. The first level that is not believed, and all that is
 * inside it, are the client's own words.
 *
 * @module
 */
import { relayLevelsMax } from "../../src/limits.ts";
import { tryDecode } from "../../src/wire/decode-error.ts";
import { MessageType6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { equalOctets } from "../../src/wire/hex.ts";
import { isLinkLocal, isUnspecified, parseIPv6Prefix, prefixContains } from "../../src/wire/ipv6-address.ts";
import type { IPv6Prefix } from "../../src/wire/ipv6-address.ts";

/** Addresses of relays that may state where a client is. */
export interface TrustedRelay {
  /** A link-local entry is a whole address, and matches only the UDP source of a datagram. */
  readonly prefix: IPv6Prefix;
  /** Whether these relays have access nodes (LDRA, RFC 6221) in front of them, which add a level of their own. */
  readonly accessNodes: boolean;
}

/** The trust settings of a listener. */
export interface Trust {
  readonly trustedRelays: readonly TrustedRelay[];
  /** Whether access nodes send to this listener directly. */
  readonly accessNodes: boolean;
  /** `drop`: a RELAY-FORW with a level that is not believed is dropped; `report`: it is only logged. */
  readonly untrustedRelays: "drop" | "report";
}

/** How far a RELAY-FORW is believed. */
export interface Belief {
  /** Number of levels, from the outermost, that trusted relays added. */
  readonly levels: number;
  /** Address that sent the first level that is not believed, 16 octets; undefined if all levels are believed. */
  readonly untrusted: Uint8Array | undefined;
}

/** Processes on this host. */
const loopback: TrustedRelay = { prefix: parseIPv6Prefix("::1/128"), accessNodes: false };

/**
 * Counts the levels of a RELAY-FORW that are believed (RFC 8415 §19.1, RFC 6221 §6.1.2).
 *
 * An access node sends from the link-local address of its client, so its address says nothing. It is recognized by its
 * level: the link-address is `::`, and the peer-address equals the sender. It discards RELAY-FORW that comes from its
 * subscribers' ports, which is why such a level can be believed where access nodes are known to be.
 *
 * @param datagram A RELAY-FORW. A level that cannot be decoded ends the count; the allocator counts the fault.
 * @param source UDP source address, 16 octets.
 */
export function countBelieved(datagram: Uint8Array, source: Uint8Array, trust: Trust): Belief {
  let sender = source;
  let behindAccessNodes = trust.accessNodes;
  let message = datagram;
  let levels = 0;
  for (; message[0] === MessageType6.relayForward && levels < relayLevelsMax; levels++) {
    const level = tryDecode(decodeRelayMessage, message);
    if (level === undefined) break;
    const relay = findRelay(trust, sender, levels === 0);
    const { linkAddress, peerAddress } = level;
    const isAccessNode = behindAccessNodes && isUnspecified(linkAddress) && equalOctets(peerAddress, sender);
    if (relay === undefined && !isAccessNode) return { levels, untrusted: sender };
    behindAccessNodes = relay?.accessNodes ?? false;
    sender = peerAddress;
    message = level.message;
  }
  return { levels, untrusted: undefined };
}

/**
 * Finds the entry of an address; the most specific one applies.
 *
 * @param isSource Whether the address is the UDP source. A link-local address means nothing beyond its link, and the
 *   loopback address nothing beyond this host.
 */
function findRelay(
  { trustedRelays }: Trust,
  address: Uint8Array,
  isSource: boolean,
): TrustedRelay | undefined {
  if (!isSource && (isLinkLocal(address) || prefixContains(loopback.prefix, address))) return undefined;
  let found: TrustedRelay | undefined;
  for (const relay of isSource ? [loopback, ...trustedRelays] : trustedRelays) {
    if (!prefixContains(relay.prefix, address)) continue;
    if (found === undefined || relay.prefix.length >= found.prefix.length) found = relay;
  }
  return found;
}
