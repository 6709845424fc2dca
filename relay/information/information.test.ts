import fc from "fast-check";
import { expect, test } from "vitest";
import { octets } from "../../test/support/octets.ts";
import { vectorOctets } from "../../test/support/vectors.ts";
import { decodeMessage6 } from "../../src/wire/dhcpv6/message.ts";
import { findOption6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayPath, encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import type { Origin } from "../messages/envelope.ts";
import { answerDatagram, answerInformationRequest } from "./information.ts";
import type { Information } from "./information.ts";
import { Peers } from "../sockets/peers.ts";

const information: Information = {
  serverIdentifier: octets("0003000102005e530001"), // DUID-LL
  dhcp4o6Servers: [parseIPv6("2001:db8:53::1")],
  borderRelays: [parseIPv6("2001:db8:ffff::1"), parseIPv6("2001:db8:ffff::2")],
  softwireContainer: true,
  refreshSeconds: 3600,
};

/** A request; option 6 lists the codes in hexadecimal. */
const request = (codes: string, ...more: string[]): Uint8Array =>
  octets(
    "0b abcdef", // Information-Request, transaction-id
    "0001 000a 0003000102005e100001", // Client-Id: DUID-LL
    "0008 0002 0000", // Elapsed Time
    `0006 ${(codes.replaceAll(" ", "").length / 2).toString(16).padStart(4, "0")} ${codes}`,
    ...more,
  );

const origin = (source: string, fields: Partial<Origin> = {}): Origin => ({
  listener: 3,
  isGroup: true,
  linkAddress: new Uint8Array(16),
  peer: new Peers({ sourcePrefixLength: 128, unlimitedSources: [] }).parse(source),
  port: 546,
  believed: 0,
  ...fields,
});

function replyTo(message: Uint8Array, fields: Partial<Information> = {}): string {
  const answer = answerInformationRequest(message, { ...information, ...fields });
  return answer.kind === "reply" ? encodeHex(answer.message) : answer.reason;
}

/** Option codes of the Reply to a request. */
const codesIn = (message: Uint8Array, fields: Partial<Information> = {}): number[] =>
  decodeMessage6(octets(replyTo(message, fields))).options.map(({ code }) => code);

test("RFC 7341 §7.2 answerInformationRequest() returns option 88 with its addresses, like a DHCPv6 server", () => {
  expect(replyTo(request("0058"))).toBe(encodeHex(vectorOctets("reply-option88").octets));
});

test("RFC 7341 §7.2 answerInformationRequest() returns an empty option 88 for ff02::1:2", () => {
  const { options } = decodeMessage6(octets(replyTo(request("0058"), { dhcp4o6Servers: [] })));
  expect(findOption6(options, 88)).toEqual(new Uint8Array(0));
});

test("RFC 8415 §18.3.6 answerInformationRequest() returns exactly the requested options, in the client's order", () => {
  expect(codesIn(request("0058"))).toEqual([1, 2, 88]);
  expect(codesIn(request("005a 0017 0058 0058"))).toEqual([1, 2, 90, 90, 88]);
  expect(codesIn(request("0060 0020"))).toEqual([1, 2, 96, 32]);
});

test("RFC 7598 §5.3 answerInformationRequest() puts the border relays into option 96", () => {
  const { options } = decodeMessage6(octets(replyTo(request("0060"))));
  expect(encodeHex(findOption6(options, 96)!)).toBe(
    encodeHex(
      octets("005a 0010 20010db8ffff00000000000000000001 005a 0010 20010db8ffff00000000000000000002"),
    ),
  );
});

test("RFC 8415 §21.23 answerInformationRequest() returns the refresh time in seconds", () => {
  const { options } = decodeMessage6(octets(replyTo(request("0058 0020"))));
  expect(encodeHex(findOption6(options, 32)!)).toBe("00000e10");
});

test("answerInformationRequest() answers a request without a client identifier", () => {
  expect(replyTo(octets("0b 000001 0006 0002 0058"), { dhcp4o6Servers: [] })).toBe(
    encodeHex(octets("07 000001 0002 000a 0003000102005e530001 0058 0000")),
  );
});

test("RFC 8415 §16.12 answerInformationRequest() answers a request that names this server", () => {
  expect(codesIn(request("0058", "0002 000a 0003000102005e530001"))).toEqual([1, 2, 88]);
});

test.each([
  [
    "RFC 8415 §16.12 another server's identifier",
    request("0058", "0002 000a 0003000102005e530002"),
    "information-of-another-server",
  ],
  [
    "RFC 8415 §16.12 an IA_NA",
    request("0058", "0003 000c 000000010000000000000000"),
    "malformed-information-request",
  ],
  [
    "RFC 8415 §16.12 an IA_PD",
    request("0058", "0019 000c 000000010000000000000000"),
    "malformed-information-request",
  ],
  ["a Client-Id that is not a DUID", octets("0b 000001 0001 0001 00"), "malformed-information-request"],
  ["a truncated option", octets("0b 000001 0006 0002 00"), "malformed-information-request"],
  ["no option 6", octets("0b 000001"), "information-not-served"],
  ["an option 6 of odd length", octets("0b 000001 0006 0001 00"), "information-not-served"],
  ["a request for DNS servers only", request("0017 0020"), "information-not-served"],
])("answerInformationRequest() does not answer %s", (_what, message, reason) => {
  expect(replyTo(message)).toBe(reason);
});

test("answerInformationRequest() does not answer a request for border relays that are not configured", () => {
  const fields = { borderRelays: [], softwireContainer: false };
  expect(replyTo(request("005a 0060"), fields)).toBe("information-not-served");
});

const answer = (datagram: Uint8Array, from: Origin, hasServers = false, isBelieved = true) =>
  answerDatagram(datagram, from, information, { isBelieved, hasServers, replyPort: "standard" });

test("answerDatagram() answers a client at port 546, from the listener that received the request", () => {
  expect(answer(request("0058"), origin("fe80::5%eth0", { port: 1546 }))).toMatchObject({
    kind: "deliver",
    listener: 3,
    address: "fe80::5%eth0",
    port: 546,
  });
});

test("RFC 8415 §16 answerDatagram() drops a client's request to a unicast address", () => {
  const from = origin("2001:db8::5", { isGroup: false });
  expect(answer(request("0058"), from)).toEqual({ kind: "drop", reason: "unicast-information-request" });
});

test.each([
  ["fe80::1%eth0", 0],
  ["::", 546],
  ["ff02::1%eth0", 546],
])("answerDatagram() drops a request from %s port %i, where no answer can be sent", (source, port) => {
  const from = origin(source, { port });
  expect(answer(request("0058"), from)).toEqual({ kind: "drop", reason: "unusable-source" });
  expect(answer(relayed(request("0058"), [{ code: 135, data: octets("0000") }]), from)).toEqual({
    kind: "drop",
    reason: "unusable-source",
  });
});

const relayed = (message: Uint8Array, options: { code: number; data: Uint8Array }[] = []): Uint8Array =>
  encodeRelayMessage(
    12,
    { hopCount: 0, linkAddress: new Uint8Array(16), peerAddress: parseIPv6("fe80::9"), options },
    message,
  );

test.each([
  ["at port 547", [], 547],
  ["at the port that the relay requested (RFC 8357 §5.3)", [{ code: 135, data: octets("0000") }], 1547],
])("R8415-19.3 answerDatagram() answers through a relay %s", (_where, options, port) => {
  const interfaceId = { code: 18, data: octets("67652d30") };
  const datagram = relayed(relayed(request("0058"), [interfaceId]), options);
  const from = origin("2001:db8::b", { isGroup: false, port: 1547 });
  const answered = answer(datagram, from);
  expect(answered).toMatchObject({ kind: "deliver", address: "2001:db8::b", port });
  const payload = answered.kind === "deliver" ? answered.payload : new Uint8Array(0);
  expect(payload[0]).toBe(13);
  // Decode the mirrored levels as a relay path: change each type from RELAY-REPL to RELAY-FORW.
  const { path, message } = decodeRelayPath(
    Uint8Array.from(payload)
      .fill(12, 0, 1)
      .with(38 + options.length * 6, 12),
  );
  expect(path[1]!.options).toEqual([interfaceId]);
  expect(encodeHex(message)).toBe(replyTo(request("0058")));
});

test.each([
  ["a query", octets("14 000000")],
  ["a relayed query", relayed(octets("14 000000"))],
  ["a truncated RELAY-FORW", octets("0c 00")],
  ["an empty datagram", new Uint8Array(0)],
])("answerDatagram() passes %s", (_what, datagram) => {
  expect(answer(datagram, origin("fe80::5%eth0"))).toEqual({ kind: "pass" });
});

test("answerDatagram() passes a request for other options if DHCPv6 servers are configured, else drops it", () => {
  const dns = request("0017");
  expect(answer(dns, origin("fe80::5%eth0"))).toEqual({ kind: "drop", reason: "information-not-served" });
  expect(answer(dns, origin("fe80::5%eth0"), true)).toEqual({ kind: "pass" });
});

test("answerDatagram() accepts any octets and never throws", () => {
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.uint8Array({ maxLength: 80 }).map((rest) => Uint8Array.of(11, ...rest)),
    fc.uint8Array({ maxLength: 80 }).map((rest) => relayed(Uint8Array.of(11, ...rest))),
  );
  fc.assert(
    fc.property(any, fc.boolean(), (each, hasServers) => {
      answer(each, origin("fe80::1%eth0"), hasServers);
    }),
    { numRuns: 2000 },
  );
});
