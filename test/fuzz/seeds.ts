/**
 * The corpus: golden packets, captures, messages of numbered clients, answers, and found cases, as trees.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  encodeDecline,
  encodeDiscover,
  encodeInform,
  encodeInitReboot,
  encodeRebinding,
  encodeRelease,
  encodeRenewing,
  encodeSelecting,
  parameterRequestList,
  softwireOptionRequest,
} from "../../src/client/query.ts";
import type { ClientProfile, ServerPair } from "../../src/client/query.ts";
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeRelayMessage, encodeRelayReply } from "../../src/wire/dhcpv6/relay.ts";
import { decodeHex } from "../../src/wire/hex.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { clientProfile, fullProfile } from "../support/clients.ts";
import { vectors } from "../support/vectors.ts";
import { messageSizes } from "./dictionary.ts";
import type { Random } from "../support/random.ts";
import { encodeTree, messagesOf, parseMessage6 } from "./tree.ts";
import type { Message6 } from "./tree.ts";
import { longCodes } from "./world.ts";

const pair: ServerPair = {
  address: parseIPv4("192.0.2.18"),
  portParams: { psidOffset: 0, psidLength: 6, psid: 18 },
  serverIdentifier: parseIPv4("198.51.100.1"),
};

/** Addresses that clients bind their softwires to; undefined for clients without one. */
const softwires = [
  undefined,
  undefined,
  ...["2001:db8:1:5600::1", "2001:db8:1:5600::2", "2001:db8:9::1"].map(parseIPv6),
];

/**
 * Encodes any message that a client sends about a pair.
 *
 * @param held The pair that the client was offered or leased.
 */
export function clientMessage(random: Random, client: ClientProfile, held: ServerPair): Uint8Array {
  const xid = random.next();
  const parts = { xid, softwire: random.pick(softwires) };
  switch (random.below(10)) {
    case 0:
      return encodeDiscover(client, { xid, hint: {} });
    case 1:
      return encodeDiscover(client, { xid, hint: held });
    case 2:
    case 3:
    case 4:
      return encodeSelecting(client, held, parts);
    case 5:
      return encodeInitReboot(client, held, parts);
    case 6:
      return encodeRenewing(client, held, parts);
    case 7:
      return encodeRebinding(client, held, parts);
    case 8:
      return encodeRelease(client, held, { xid });
    default:
      return random.oneIn(2)
        ? encodeDecline(client, held, { xid })
        : encodeInform(client, { xid, address: held.address, knowsServer: true });
  }
}

/** @returns Messages of a few clients, one of them without support of RFC 7618. */
function clientMessages(random: Random): Uint8Array[] {
  return Array.from({ length: 60 }, (_, at) => {
    const profile =
      at % 5 === 0 ? fullProfile(at) : clientProfile(at, { optionRequest: softwireOptionRequest });
    return at % 3 === 0
      ? encodeDiscover(profile, { xid: random.next(), hint: {} })
      : clientMessage(random, profile, pair);
  });
}

/** Option 55 of a client that asks for everything. */
export const everyParameter: readonly number[] = [
  ...parameterRequestList({ sharesPorts: true }),
  OptionCode.routers,
  OptionCode.domainName,
  OptionCode.interfaceMtu,
  OptionCode.v6OnlyPreferred,
  OptionCode.captivePortal,
  ...longCodes,
];

/** @returns Messages of clients that ask for more than fits, and accept answers of many lengths or state none. */
function greedyMessages(random: Random): Uint8Array[] {
  return [undefined, ...messageSizes].flatMap((size, at) => {
    const client = clientProfile(100 + at, { parameterRequestList: everyParameter });
    const messages = [
      encodeDiscover(client, { xid: random.next(), hint: {} }),
      encodeInform(client, { xid: random.next(), address: pair.address, knowsServer: true }),
    ];
    return size === undefined ? messages : messages.map((octets) => withMaxMessageSize(octets, size));
  });
}

function withMaxMessageSize(octets: Uint8Array, size: Uint8Array): Uint8Array {
  const tree = parseMessage6(octets);
  const [message] = messagesOf(tree).filter(({ kind }) => kind === "dhcpv4");
  message!.items.push({ code: OptionCode.maxMessageSize, length: undefined, data: size });
  return encodeTree(tree);
}

/** Information-Requests, directly from a client. */
const informationRequests = [
  "0b000001 0001000a 0003000102005e100001 00060008 0058 005a 0060 0020",
  "0b000002 00060002 0058",
  "0b000003 0002000a 0003000102005e100001 00060004 005a 0017",
].map((text) => decodeHex(text.replaceAll(" ", "")));

/** Links and sources that our relay states. Each of the fuzzer's domains has some; the last two have no domain. */
export const places = [
  ["2001:db8:1::1", "fe80::1"],
  ["2001:db8:1::1", "2001:db8:1:5600::1"],
  ["2001:db8:2::1", "fe80::2"],
  ["2001:db8:2::1", "2001:db8:2:100::2"],
  ["2001:db8:3::1", "fe80::3"],
  ["2001:db8:4::1", "fe80::4"],
  ["2001:db8:5::1", "fe80::5"],
  ["fd00::1", "fe80::6"],
  ["::", "fe80::1"],
  ["2001:db8:9::1", "2001:db8:9::1"],
].map(([link, source]) => ({ linkAddress: parseIPv6(link!), peerAddress: parseIPv6(source!) }));

/** Wraps a datagram as our relay does. */
export function frameOf(
  place: (typeof places)[number],
  interfaceId: Uint8Array,
  datagram: Uint8Array,
): Uint8Array {
  const options = [{ code: OptionCode6.interfaceId, data: interfaceId }];
  return encodeRelayMessage(MessageType6.relayForward, { hopCount: 0, ...place, options }, datagram);
}

const line1 = decodeHex("6c696e652d31");

/** @returns The message inside a relay of an access network, which names its line. */
export function behindAccessNode(datagram: Uint8Array, at: number): Uint8Array {
  const options = [
    { code: OptionCode6.interfaceId, data: at % 2 === 0 ? line1 : Uint8Array.of(at) },
    { code: OptionCode6.remoteId, data: Uint8Array.of(0, 0, 0, 9, 0x70 + (at % 4)) },
  ];
  const level = {
    hopCount: 0,
    linkAddress: parseIPv6("2001:db8:3::1"),
    peerAddress: parseIPv6("fe80::7"),
    options,
  };
  return encodeRelayMessage(MessageType6.relayForward, level, datagram);
}

/** @returns The message inside a level whose Interface-Id leaves little room in a frame, or none for an answer. */
function behindLongName(datagram: Uint8Array, octets: number): Uint8Array {
  return frameOf(places[2]!, new Uint8Array(octets).fill(0x61), datagram);
}

/** What programs of others sent: clients, and a relay in front of them. */
const captures = (
  JSON.parse(readFileSync(join(import.meta.dirname, "captures.json"), "utf8")) as {
    readonly packets: readonly { readonly hex: string }[];
  }
).packets;

/** The corpus, by what it is mutated into. */
export interface Corpus {
  /** What clients and relays send to our relay. */
  readonly datagrams: readonly Message6[];
  /** What our relay sends to the allocator. */
  readonly frames: readonly Message6[];
  /** What the allocator sends to our relay. */
  readonly answers: readonly Message6[];
}

/**
 * Builds the corpus.
 *
 * @param found Octets of found cases.
 */
export function buildCorpus(random: Random, found: readonly Uint8Array[]): Corpus {
  const golden = [...vectors, ...captures].map(({ hex }) => decodeHex(hex));
  const messages = [...clientMessages(random), ...greedyMessages(random)];
  const relayed = messages.slice(0, 30).map(behindAccessNode);
  const informed = informationRequests.flatMap((datagram) => [
    datagram,
    datagram,
    behindAccessNode(datagram, 0),
  ]);
  const long = [61_000, 61_800, 65_000].map((octets, at) => behindLongName(messages[at]!, octets));
  const datagrams = [...golden, ...messages, ...relayed, ...informed, ...long, ...found];
  const frames = [...golden, ...messages, ...messages, ...relayed, ...relayed, ...long].map((datagram, at) =>
    frameOf(places[at % places.length]!, Uint8Array.of(2, 0, 2, 34, at % 4), datagram),
  );
  const payloads = golden.filter(
    ([type]) => type === MessageType6.dhcpv4Response || type === MessageType6.relayReply,
  );
  const answers = [...payloads, Uint8Array.of(MessageType6.dhcpv4Response, 0, 0, 0)].flatMap(
    (payload, at) => {
      const options = [{ code: OptionCode6.interfaceId, data: Uint8Array.of(2, at % 3, 2, 34, 0) }];
      const level = { hopCount: 0, ...places[at % places.length]!, options };
      return [encodeRelayReply([level], payload), encodeRelayReply([level, level], payload)];
    },
  );
  return {
    datagrams: datagrams.map((octets) => parseMessage6(octets)),
    frames: [...frames, ...found].map((octets) => parseMessage6(octets)),
    answers: answers.map((octets) => parseMessage6(octets)),
  };
}
