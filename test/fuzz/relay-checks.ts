/**
 * What must hold for each frame and each datagram that a relay sends.
 *
 * @module
 */
import { isIPv6 } from "node:net";
import type { RelayConfig } from "../../relay/config/config.ts";
import { countBelieved } from "../../relay/messages/trust.ts";
import { decodeQuery } from "../../src/lease/query.ts";
import { reasons } from "../../src/lease/reasons.ts";
import { messageOctetsMax } from "../../src/limits.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { findOption6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { isUnspecified, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { decodeInterfaceId, isZone } from "../../src/wire/relay-interface-id.ts";
import { attempt, ensure, same } from "./property.ts";
import { goodOrigin, idleOrigin, informationOctetsMax, linkAddressText, origins } from "./relay-settings.ts";
import type { Origin } from "./relay-settings.ts";

const linkAddress = parseIPv6(linkAddressText);

const peers = new Map(
  [...origins, goodOrigin, idleOrigin].map((origin) => {
    const [host, zone = ""] = origin.source.address.split("%") as [string, string?];
    return [origin, { address: parseIPv6(host), zone }] as const;
  }),
);

/** A datagram that the relay sends. */
export interface Sent {
  /** Number of the socket. */
  readonly listener: number;
  readonly payload: Uint8Array;
  readonly port: number;
  readonly address: string;
}

/**
 * A frame holds the datagram unchanged, says where it came from, and the allocator reads the same belief from it.
 *
 * @returns What the allocator's decoder says of the frame: `query`, or the reason for which it drops it.
 */
export function checkFrame(
  frame: Uint8Array,
  datagram: Uint8Array,
  origin: Origin,
  config: RelayConfig,
): string {
  const { address, zone } = peers.get(origin)!;
  ensure(frame.length <= messageOctetsMax, () => `A frame fits in its length: found ${frame.length} octets`);
  const level = decodeRelayMessage(frame);
  ensure(same(level.message, datagram), () => "A frame holds the datagram unchanged");
  ensure(same(level.peerAddress, address), () => "A frame names the sender of the datagram");
  ensure(
    same(level.linkAddress, linkAddress) || isUnspecified(level.linkAddress),
    () => "A frame names the link, or none",
  );
  const isRelayed = datagram[0] === MessageType6.relayForward;
  const hops = isRelayed ? datagram[1]! + 1 : 0;
  ensure(
    level.hopCount === hops,
    () => `The hop count is one more than inside: ${level.hopCount}, expected ${hops}`,
  );
  const { trust } = config.listeners[origin.listener]!;
  const believed = isRelayed ? countBelieved(datagram, address, trust).levels : 0;
  const stated = decodeInterfaceId(findOption6(level.options, OptionCode6.interfaceId));
  ensure(
    stated?.listener === origin.listener &&
      stated.port === origin.source.port &&
      stated.zone === zone &&
      stated.believed === believed,
    () => "The Interface-Id says what delivers the answer, and how far the levels are believed",
  );
  return judgedByAllocator(frame, believed);
}

function judgedByAllocator(frame: Uint8Array, believed: number): string {
  const result = decodeQuery(frame);
  if (result.kind === "drop") {
    ensure(Object.hasOwn(reasons, result.reason), () => `Drops have a known reason: found ${result.reason}`);
    return result.reason;
  }
  const { query } = result;
  const expected = 1 + Math.min(believed, query.path.length - 1);
  ensure(
    query.statesBelief && query.believed.length === expected,
    () => `The allocator believes what the relay does: ${query.believed.length} levels, expected ${expected}`,
  );
  return "query";
}

function checkDestination({ port, address }: Sent): void {
  ensure(port >= 1 && port <= 0xffff, () => `A port is 1 to 65535: found ${port}`);
  // `isIPv6()` does not know all names that interfaces can have.
  const [host, zone = ""] = address.split("%", 2) as [string, string?];
  ensure(isIPv6(host) && isZone(zone), () => `A destination is an IPv6 address: found ${address}`);
}

/** A Reply of the relay itself goes back through the socket of its request, and is not much longer. */
export function checkInformation(sent: Sent, datagram: Uint8Array, origin: Origin): void {
  checkDestination(sent);
  ensure(sent.listener === origin.listener, () => "A Reply leaves from the socket of its request");
  ensure(
    sent.payload.length <= datagram.length + informationOctetsMax,
    () => `A Reply repeats no more than its request: ${sent.payload.length} octets for ${datagram.length}`,
  );
}

/** Only the content of a RELAY-REPL is delivered, unchanged, by the socket that its Interface-Id names. */
export function checkDelivery(sent: Sent, answer: Uint8Array): void {
  checkDestination(sent);
  const level = attempt(decodeRelayMessage, answer);
  ensure(
    level?.type === MessageType6.relayReply && same(level.message, sent.payload),
    () => "Only a RELAY-REPL is delivered, and its content is not changed",
  );
  const named = decodeInterfaceId(findOption6(level.options, OptionCode6.interfaceId));
  ensure(
    named?.listener === sent.listener,
    () =>
      `An answer leaves from the socket that it names: found ${sent.listener}, expected ${named?.listener}`,
  );
}
