/**
 * The relay's side: what `relay/relay.ts` does with a datagram up to the frame, and with a frame of an answer up to the
 * datagram. The functions are the relay's own, called in its order; sockets, rate limits and the queue are left out.
 *
 * @module
 */
import { isIPv6 } from "node:net";
import { answerDatagram } from "../../relay/information/information.ts";
import type { Information } from "../../relay/information/information.ts";
import { unwrapAnswer, wrapDatagram } from "../../relay/messages/envelope.ts";
import type {
  Delivery,
  Drop,
  Origin,
  ReplyPort,
  ServersRule,
  Wrapped,
} from "../../relay/messages/envelope.ts";
import { countBelieved } from "../../relay/messages/trust.ts";
import type { Belief, Trust } from "../../relay/messages/trust.ts";
import { dropReasons } from "../../relay/reasons.ts";
import { decodeQuery } from "../../src/lease/query.ts";
import { reasons } from "../../src/lease/reasons.ts";
import { messageOctetsMax } from "../../src/limits.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { findOption6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayMessage, decodeRelayPath } from "../../src/wire/dhcpv6/relay.ts";
import { decodeHex } from "../../src/wire/hex.ts";
import { parseIPv6, parseIPv6Prefix } from "../../src/wire/ipv6-address.ts";
import { decodeInterfaceId, isZone } from "../../src/wire/relay-interface-id.ts";
import { attempt, ensure, same } from "./property.ts";

/** Settings of a relay that its functions read. */
export interface RelaySetting {
  readonly trust: Trust;
  readonly information: Information | undefined;
  readonly servers: ServersRule | undefined;
  readonly replyPort: ReplyPort;
  readonly listeners: number;
}

const trusted = ["2001:db8:2::/48", "fe80::1/128", "2001:db8:3::1/128"].map((prefix, at) => ({
  prefix: parseIPv6Prefix(prefix),
  accessNodes: at === 0,
}));

const information: Information = {
  serverIdentifier: decodeHex("0003000102005e100001"),
  dhcp4o6Servers: [parseIPv6("2001:db8::1"), parseIPv6("2001:db8::2")],
  borderRelays: [parseIPv6("2001:db8:ffff::1")],
  softwireContainer: true,
  refreshSeconds: 86_400,
};

/** Octets of all options of {@link information}. */
const informationOctetsMax = 256;

export const relaySettings: readonly RelaySetting[] = [
  {
    trust: { trustedRelays: trusted, accessNodes: false, untrustedRelays: "report" },
    information: undefined,
    servers: undefined,
    replyPort: "standard",
    listeners: 4,
  },
  {
    trust: { trustedRelays: trusted, accessNodes: true, untrustedRelays: "drop" },
    information,
    servers: undefined,
    replyPort: "source",
    listeners: 256,
  },
  {
    trust: { trustedRelays: trusted, accessNodes: true, untrustedRelays: "report" },
    information,
    servers: { queries: "allocator", relayed: "examine", asksForPort: true },
    replyPort: "standard",
    listeners: 1,
  },
  {
    trust: { trustedRelays: [], accessNodes: false, untrustedRelays: "report" },
    information: undefined,
    servers: { queries: "servers", relayed: "servers", asksForPort: false },
    replyPort: "standard",
    listeners: 2,
  },
];

const originOf = (
  address: string,
  zone: string,
  port: number,
  isGroup: boolean,
): Omit<Origin, "believed"> => ({
  listener: 0,
  isGroup,
  linkAddress: parseIPv6(zone === "" ? "::" : "2001:db8:1::1"),
  peer: { address: parseIPv6(address), zone },
  port,
});

const usualOrigins = [
  originOf("fe80::5eff:fe10:1", "eth0", 546, true),
  originOf("fe80::1", "eth0", 547, true),
  originOf("2001:db8:2::1", "", 547, false),
  originOf("2001:db8:3::1", "", 1547, false),
  originOf("2001:db8:9::1", "", 65_535, false),
  originOf("::1", "", 40_000, false),
];

/** Where datagrams come from: four times in five from where answers can go. */
export const origins: readonly Omit<Origin, "believed">[] = [
  ...usualOrigins,
  ...usualOrigins,
  originOf("::", "", 546, true),
  originOf("ff02::1", "eth0", 546, true),
  originOf("2001:db8:2::1", "", 0, false),
];

/** The functions of the relay; a test replaces one by a broken one. */
export interface RelayFunctions {
  readonly countBelieved: typeof countBelieved;
  readonly answerDatagram: typeof answerDatagram;
  readonly wrapDatagram: typeof wrapDatagram;
  readonly unwrapAnswer: typeof unwrapAnswer;
}

export const relayFunctions: RelayFunctions = { countBelieved, answerDatagram, wrapDatagram, unwrapAnswer };

/**
 * Gives a datagram to the relay.
 *
 * @returns The outcome, in words that the fuzzer counts.
 * @throws {PropertyError} When a property does not hold.
 */
export function relayUp(
  datagram: Uint8Array,
  from: Omit<Origin, "believed">,
  setting: RelaySetting,
  relay: RelayFunctions,
): string {
  const { trust, servers, replyPort } = setting;
  const isRelayed = datagram[0] === MessageType6.relayForward;
  const belief: Belief = isRelayed
    ? relay.countBelieved(datagram, from.peer.address, trust)
    : { levels: 0, untrusted: undefined };
  if (belief.untrusted !== undefined && trust.untrustedRelays === "drop") return dropped("untrusted-relay");
  const origin = { ...from, believed: belief.levels };
  if (setting.information !== undefined) {
    const isBelieved = belief.untrusted === undefined;
    const hasServers = servers !== undefined;
    const answered = relay.answerDatagram(datagram, origin, setting.information, {
      isBelieved,
      hasServers,
      replyPort,
    });
    if (answered.kind === "drop") return dropped(answered.reason);
    if (answered.kind === "deliver") return checkInformation(datagram, answered, setting);
  }
  const wrapped = relay.wrapDatagram(datagram, origin, servers);
  return wrapped.kind === "drop" ? dropped(wrapped.reason) : checkFrame(datagram, origin, wrapped);
}

function dropped(reason: string): string {
  ensure(Object.hasOwn(dropReasons, reason), () => `Drops have a known reason: found ${reason}`);
  return `drop:${reason}`;
}

function checkInformation(datagram: Uint8Array, answer: Delivery, setting: RelaySetting): string {
  checkDelivery(answer, setting);
  ensure(
    answer.payload.length <= datagram.length + informationOctetsMax,
    () => `A Reply repeats no more than its request: ${answer.payload.length} octets for ${datagram.length}`,
  );
  return "answered";
}

function checkDelivery({ listener, port, address }: Delivery, { listeners }: RelaySetting): void {
  ensure(listener < listeners, () => `A listener exists: found ${listener}, expected less than ${listeners}`);
  ensure(port >= 1 && port <= 0xffff, () => `A port is 1 to 65535: found ${port}`);
  // `isIPv6()` does not know all names that interfaces can have.
  const [host, zone = ""] = address.split("%", 2) as [string, string?];
  ensure(isIPv6(host) && isZone(zone), () => `A destination is an IPv6 address: found ${address}`);
}

/** A frame holds the datagram unchanged, says where it came from, and the allocator reads the same belief from it. */
function checkFrame(datagram: Uint8Array, origin: Origin, { to, frame }: Exclude<Wrapped, Drop>): string {
  ensure(frame.length <= messageOctetsMax, () => `A frame fits in its length: found ${frame.length} octets`);
  const level = decodeRelayMessage(frame);
  ensure(same(level.message, datagram), () => "A frame holds the datagram unchanged");
  ensure(same(level.peerAddress, origin.peer.address), () => "A frame names the sender of the datagram");
  const hops = datagram[0] === MessageType6.relayForward ? datagram[1]! + 1 : 0;
  ensure(
    level.hopCount === hops,
    () => `The hop count is one more than inside: ${level.hopCount}, expected ${hops}`,
  );
  const stated = decodeInterfaceId(findOption6(level.options, OptionCode6.interfaceId));
  ensure(
    stated?.port === origin.port && stated.zone === origin.peer.zone && stated.believed === origin.believed,
    () => "The Interface-Id says what delivers the answer",
  );
  if (to === "servers") return "forward:servers";
  return `forward:${judgedByAllocator(frame, origin)}`;
}

function judgedByAllocator(frame: Uint8Array, { believed }: Origin): string {
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

/**
 * Gives a frame of an answer to the relay.
 *
 * @returns The outcome, in words that the fuzzer counts.
 * @throws {PropertyError} When a property does not hold.
 */
export function relayDown(frame: Uint8Array, setting: RelaySetting, relay: RelayFunctions): string {
  const unwrapped = relay.unwrapAnswer(frame, setting.listeners, setting.replyPort);
  if (unwrapped.kind === "drop") return dropped(unwrapped.reason);
  checkDelivery(unwrapped, setting);
  const level = attempt(decodeRelayMessage, frame);
  ensure(
    level?.type === MessageType6.relayReply && same(level.message, unwrapped.payload),
    () => "Only a RELAY-REPL is delivered, and its content is not changed",
  );
  attempt(decodeRelayPath, unwrapped.payload);
  return "delivered";
}
