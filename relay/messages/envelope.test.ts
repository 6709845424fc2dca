import fc from "fast-check";
import { expect, test } from "vitest";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { findOption6 } from "../../src/wire/dhcpv6/options.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import {
  decodeRelayMessage,
  decodeRelayPath,
  encodeRelayMessage,
  encodeRelayReply,
} from "../../src/wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { formatIPv6, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { unwrapAnswer, wrapDatagram } from "./envelope.ts";
import type { Origin, ServersRule } from "./envelope.ts";
import { encodeInterfaceId } from "../../src/wire/relay-interface-id.ts";
import { dropReasons } from "../reasons.ts";
import { Peers } from "../sockets/peers.ts";

const linkAddress = parseIPv6("2001:db8:a::1");
const none = new Uint8Array(16);
const query = Uint8Array.of(
  ...[20, 0x80, 0, 0], // DHCPV4-QUERY, U
  ...[0, 87, 0, 2, 0xaa, 0xbb], // option 87
);
const response = Uint8Array.of(
  ...[21, 0, 0, 0], // DHCPV4-RESPONSE
  ...[0, 87, 0, 2, 0xcc, 0xdd], // option 87
);

const origin = (source: string, port: number): Origin => ({
  listener: 3,
  isGroup: false,
  linkAddress,
  peer: new Peers({ sourcePrefixLength: 128, unlimitedSources: [] }).parse(source),
  port,
  believed: 2,
});

/** A RELAY-FORW of a downstream relay. */
function relayed(fields: Partial<RelayLevel> = {}, message: Uint8Array = query): Uint8Array {
  const level = { hopCount: 0, linkAddress, peerAddress: parseIPv6("fe80::9"), options: [], ...fields };
  return encodeRelayMessage(12, level, message);
}

/** @returns The relay level of the frame; throws if the datagram is dropped. */
function forwarded(datagram: Uint8Array, from: Origin) {
  const wrapped = wrapDatagram(datagram, from);
  if (wrapped.kind === "drop") throw new Error(`dropped as ${wrapped.reason}`);
  return decodeRelayMessage(wrapped.frame);
}

/** The allocator's answer, with every relay level mirrored. */
function mirrored(datagram: Uint8Array, from: Origin, answer = response): Uint8Array {
  const wrapped = wrapDatagram(datagram, from);
  if (wrapped.kind === "drop") throw new Error(`dropped as ${wrapped.reason}`);
  return encodeRelayReply(decodeRelayPath(wrapped.frame).path, answer);
}

const relayPortOption = (port: number): Option6 => ({
  code: OptionCode6.relayPort,
  data: Uint8Array.of(port >> 8, port & 255),
});

test("R8415-19.1-01 wrapDatagram() copies the message unchanged, and its source into peer-address", () => {
  const level = forwarded(query, origin("fe80::5%eth0", 546));
  expect(level.type).toBe(12);
  expect(level.message).toEqual(query);
  expect(formatIPv6(level.peerAddress)).toBe("fe80::5");
});

test("R8415-19.1.1-01 wrapDatagram() sets hop-count 0 and the listener's link-address for a client", () => {
  for (const source of ["fe80::5%eth0", "2001:db8:a::5"]) {
    const level = forwarded(query, origin(source, 546));
    expect([level.hopCount, formatIPv6(level.linkAddress)]).toEqual([0, "2001:db8:a::1"]);
  }
});

test("R8415-19.1.1-02 wrapDatagram() always adds an Interface-Id with all that the answer needs", () => {
  const level = forwarded(query, origin("fe80::5%eth0", 546));
  expect(level.options).toEqual([
    { code: 18, data: encodeInterfaceId({ listener: 3, port: 546, believed: 2, zone: "eth0" }) },
  ]);
});

test.each([0, 7])("R8415-19.1.2-02 wrapDatagram() increments the hop-count %i of a relay", (hopCount) => {
  expect(forwarded(relayed({ hopCount }), origin("2001:db8::b", 547)).hopCount).toBe(hopCount + 1);
});

test.each([8, 9, 255])("R8415-19.1.2-01 wrapDatagram() drops a RELAY-FORW with hop-count %i", (hopCount) => {
  expect(wrapDatagram(relayed({ hopCount }), origin("2001:db8::b", 547))).toEqual({
    kind: "drop",
    reason: "hop-limit",
  });
});

test.each([
  ["2001:db8::b", none],
  ["fd00::b", none],
  ["::1", none],
  ["fe80::b%eth0", linkAddress],
])("R8415-19.1.2-02 wrapDatagram() sets the link-address for a relay at %s", (source, expected) => {
  expect(forwarded(relayed(), origin(source, 547)).linkAddress).toEqual(expected);
});

test("R8415-19.4-01 wrapDatagram() does not change a relay's message", () => {
  const inner = relayed({ options: [{ code: 65_000, data: Uint8Array.of(1) }] });
  expect(forwarded(inner, origin("2001:db8::b", 547)).message).toEqual(inner);
});

test.each([
  ["a relay that requests its port", relayed({ options: [relayPortOption(0)] }), 1547, 1547],
  [
    "a relay on 547 whose downstream relay requests its port",
    relayed({ options: [relayPortOption(1547)] }),
    547,
    undefined,
  ],
  ["a relay without the option", relayed(), 1547, undefined],
  ["a client", query, 1547, undefined],
])("RFC 8357 wrapDatagram() adds option 135 if required: %s", (_who, datagram, port, expected) => {
  const data = findOption6(forwarded(datagram, origin("2001:db8::b", port)).options, OptionCode6.relayPort);
  expect(data && data[0]! * 256 + data[1]!).toBe(expected);
});

test.each([
  ["", "runt"],
  ["14", "runt"],
  ["140000", "runt"],
  ["0c00", "runt"],
  [`0c00${"00".repeat(31)}`, "runt"],
  [`0c00${"00".repeat(32)}`, "malformed-relay-forward"], // no Relay Message
  [`0c00${"00".repeat(32)}0009000214`, "malformed-relay-forward"], // overrun
  [`0c00${"00".repeat(32)}00090001140009000114`, "malformed-relay-forward"], // two Relay Messages
  [`0d00${"00".repeat(32)}0009000114`, "relay-reply-from-below"],
  ["15000000", "response-from-below"],
  ["02000000", "response-from-below"], // ADVERTISE
  ["07000000", "response-from-below"], // REPLY
  ["0a000000", "response-from-below"], // RECONFIGURE
  ["01000000", "unserved-message-type"], // SOLICIT
  ["c8000000", "unserved-message-type"],
] as const)("wrapDatagram() drops %s as %s", (hex, reason) => {
  expect(dropReasons).toHaveProperty(reason);
  expect(wrapDatagram(Buffer.from(hex, "hex"), origin("2001:db8::5", 546))).toEqual({ kind: "drop", reason });
});

const solicit = Uint8Array.of(1, 0xab, 0xcd, 0xef);

/** @returns Destination and relay level of a datagram if DHCPv6 servers are configured. */
function shared(datagram: Uint8Array, rule: Partial<ServersRule> = {}, port = 546) {
  const servers: ServersRule = { queries: "allocator", relayed: "examine", asksForPort: false, ...rule };
  const wrapped = wrapDatagram(datagram, origin("2001:db8::b", port), servers);
  if (wrapped.kind === "drop") throw new Error(`dropped as ${wrapped.reason}`);
  return { to: wrapped.to, ...decodeRelayMessage(wrapped.frame) };
}

test.each([1, 3, 11, 200])("R8415-19-03 wrapDatagram() forwards type %i to DHCPv6 servers", (type) => {
  const message = solicit.with(0, type);
  expect(shared(message)).toMatchObject({ to: "servers", hopCount: 0, message });
});

test("R7341-10-02 wrapDatagram() sends queries and other messages to different destinations", () => {
  expect([shared(query).to, shared(solicit).to]).toEqual(["allocator", "servers"]);
});

test.each([
  ["examine", "allocator", "servers"],
  ["allocator", "allocator", "allocator"],
  ["servers", "servers", "servers"],
] as const)(
  "R7341-10-03 wrapDatagram() with relayed = %s sends a relay's query to %s and its other messages to %s",
  (rule, ofQuery, ofOthers) => {
    expect(shared(relayed({}, relayed()), { relayed: rule }).to).toBe(ofQuery);
    expect(shared(relayed({}, relayed({}, solicit)), { relayed: rule }).to).toBe(ofOthers);
  },
);

test("wrapDatagram() forwards a malformed inner level, so that the allocator counts it", () => {
  expect(shared(relayed({}, Uint8Array.of(12, 0))).to).toBe("allocator");
});

test.each([
  ["servers, a client", solicit, 546, 0],
  ["servers, a relay on 547", relayed({}, solicit), 547, 0],
  [
    "servers, a relay that requests its port",
    relayed({ options: [relayPortOption(0)] }, solicit),
    1547,
    1547,
  ],
  ["the allocator, a client", query, 546, undefined],
])("RFC 8357 §5.2 wrapDatagram() requests our own port: %s", (_who, datagram, port, expected) => {
  const { options } = shared(datagram, { asksForPort: true }, port);
  const data = findOption6(options, OptionCode6.relayPort);
  expect(data && data[0]! * 256 + data[1]!).toBe(expected);
});

test.each(["0d", "15", "02", "07", "0a"])("wrapDatagram() never sends type 0x%s to DHCPv6 servers", (hex) => {
  const servers: ServersRule = { queries: "allocator", relayed: "examine", asksForPort: false };
  const datagram = Buffer.from(`${hex}000000`, "hex");
  expect(wrapDatagram(datagram, origin("2001:db8::5", 546), servers).kind).toBe("drop");
});

test.each([
  ["fe80::1%eth0", 0],
  ["::", 546],
  ["ff02::1%eth0", 546],
  ["fe80::1%an interface", 546],
])("wrapDatagram() drops a datagram from %s port %i", (source, port) => {
  expect(wrapDatagram(query, origin(source, port))).toEqual({ kind: "drop", reason: "unusable-source" });
});

test("wrapDatagram() forwards the largest datagram that fits in a frame, and drops a larger one", () => {
  const from = origin("fe80::1%123456789012345", 1547);
  const asking = relayed({ options: [relayPortOption(0)] }, new Uint8Array(0));
  const padded = (octets: number) => relayed({ options: [relayPortOption(0)] }, new Uint8Array(octets));
  const room = 65_535 - (34 + (4 + 5 + 15) + (4 + 2) + 4) - asking.length;
  const wrapped = wrapDatagram(padded(room), from);
  expect(wrapped.kind === "forward" && wrapped.frame.length).toBe(65_535);
  expect(wrapDatagram(padded(room + 1), from)).toEqual({ kind: "drop", reason: "oversized" });
});

test("R8415-19.2-01 unwrapAnswer() returns the Relay Message unmodified, for the listener and peer of the query", () => {
  expect(unwrapAnswer(mirrored(query, origin("fe80::5%eth0", 50_000)), 4, "source")).toEqual({
    kind: "deliver",
    listener: 3,
    address: "fe80::5%eth0",
    port: 50_000,
    payload: response,
  });
});

test.each([
  ["a client", query, 50_000, 546],
  ["a relay", relayed(), 50_000, 547],
  ["a relay that requests its port", relayed({ options: [relayPortOption(0)] }), 1547, 1547],
])("RFC 8415 §7.2 unwrapAnswer() sends to the standard port of %s", (_who, datagram, port, expected) => {
  const unwrapped = unwrapAnswer(mirrored(datagram, origin("2001:db8::b", port)), 4, "standard");
  expect(unwrapped).toMatchObject({ kind: "deliver", address: "2001:db8::b", port: expected });
});

test("R8415-19.2-02 unwrapAnswer() delivers a message of any type", () => {
  for (const type of [1, 7, 21, 200]) {
    const answer = Uint8Array.of(type, 0, 0, 0);
    expect(unwrapAnswer(mirrored(query, origin("::1", 546), answer), 4, "source")).toMatchObject({
      payload: answer,
    });
  }
});

/** A RELAY-REPL with this data in option 18. */
function answerWith(
  interfaceId: Uint8Array | undefined,
  fields: Partial<RelayLevel> = {},
  message = response,
) {
  const options = interfaceId === undefined ? [] : [{ code: OptionCode6.interfaceId, data: interfaceId }];
  const level = { hopCount: 0, linkAddress: none, peerAddress: parseIPv6("2001:db8::5"), options, ...fields };
  return encodeRelayMessage(13, level, message);
}

const ours = encodeInterfaceId({ listener: 0, port: 546, believed: 0, zone: "" });

test.each([
  ["a RELAY-FORW", relayed({ options: [{ code: 18, data: ours }] }), "malformed-answer"],
  ["a message of another type", response, "malformed-answer"],
  ["an empty frame", new Uint8Array(0), "malformed-answer"],
  ["an answer with a runt", answerWith(ours, {}, Uint8Array.of(21, 0, 0)), "malformed-answer"],
  ["a truncated answer", answerWith(ours).subarray(0, -1), "malformed-answer"],
  ["an answer without Interface-Id", answerWith(undefined), "unknown-interface-id"],
  ["an Interface-Id of another format", answerWith(ours.with(0, 1)), "unknown-interface-id"],
  ["an Interface-Id of a listener that is not there", answerWith(ours.with(1, 4)), "unknown-interface-id"],
  ["an answer to ::", answerWith(ours, { peerAddress: none }), "unusable-destination"],
  ["an answer to a group", answerWith(ours, { peerAddress: parseIPv6("ff02::1") }), "unusable-destination"],
] as const)("unwrapAnswer() drops %s as %s", (_what, frame, reason) => {
  expect(unwrapAnswer(frame, 4, "source")).toEqual({ kind: "drop", reason });
});

test("unwrapAnswer() returns the source that wrapDatagram() got", () => {
  const source = fc.oneof(
    fc.ipV6().filter((text) => !/^(ff|::$|fe[89ab])/i.test(text)),
    fc.constantFrom("fe80::1%eth0", "fe80::abcd%br-lan.100"),
  );
  fc.assert(
    fc.property(source, fc.integer({ min: 1, max: 65_535 }), fc.boolean(), (text, port, isRelay) => {
      const from = origin(text, port);
      if (from.peer.address.every((octet) => octet === 0)) return;
      const unwrapped = unwrapAnswer(mirrored(isRelay ? relayed() : query, from), 4, "source");
      expect(unwrapped).toMatchObject({ kind: "deliver", listener: 3, port });
      const { peer } = origin(unwrapped.kind === "deliver" ? unwrapped.address : "", port);
      expect(peer).toEqual(from.peer);
    }),
  );
});

test("wrapDatagram() and unwrapAnswer() accept any octets and never throw", () => {
  const examining = { queries: "allocator", relayed: "examine", asksForPort: true } as const;
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc
      .tuple(fc.constantFrom(12, 13, 20, 21), fc.uint8Array({ maxLength: 120 }))
      .map(([type, rest]) => Uint8Array.of(type, ...rest)),
  );
  fc.assert(
    fc.property(octets, (each) => {
      wrapDatagram(each, origin("fe80::1%eth0", 546));
      wrapDatagram(each, origin("fe80::1%eth0", 546), examining);
      unwrapAnswer(each, 4, "standard");
    }),
    { numRuns: 2000 },
  );
});
