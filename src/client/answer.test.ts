import fc from "fast-check";
import { describe, expect, test } from "vitest";
import vectors from "../../test/vectors/vectors.json" with { type: "json" };
import { relayLevelsMax } from "../limits.ts";
import { decodeHex, encodeHex } from "../wire/hex.ts";
import { formatIPv4 } from "../wire/ipv4-address.ts";
import { formatIPv6, formatIPv6Prefix } from "../wire/ipv6-address.ts";
import { decodeRelayMessage, encodeRelayMessage } from "../wire/dhcpv6/relay.ts";
import { chooseOffer, decodeAnswer, isFullAddress, unwrapRelayReply } from "./answer.ts";
import type { Answer, AnswerResult, Expected, IgnoreReason, ServerLease } from "./answer.ts";

const packets = new Map(vectors.packets.map(({ name, hex }) => [name, hex]));

function packet(name: string): Uint8Array {
  return decodeHex(packets.get(name)!);
}

/** Returns a packet with some octets replaced. Changes are hexadecimal text; each `from` must occur in the packet. */
function changed(name: string, ...changes: [from: string, to: string][]): Uint8Array {
  let hex = packets.get(name)!;
  for (const [from, to] of changes) {
    expect(hex).toContain(from);
    hex = hex.replace(from, to);
  }
  return decodeHex(hex);
}

const waitsForOffer: Expected = {
  xid: 0x4f0a0001,
  clientIdentifier: decodeHex(vectors.constants.client1_clientid),
  sharesPorts: true,
  kinds: ["offer"],
};
const waitsForAck: Expected = { ...waitsForOffer, kinds: ["ack", "nak"] };

function answerOf(result: AnswerResult): Answer {
  if (result.kind === "ignored") throw new Error(`ignored: ${result.reason}`);
  return result.answer;
}

function leaseAnswer(
  datagram: Uint8Array,
  expected: Expected,
): Exclude<Answer, { kind: "nak" | "parameters" }> {
  const answer = answerOf(decodeAnswer(datagram, expected));
  if (answer.kind === "nak" || answer.kind === "parameters") throw new Error(`found ${answer.kind}`);
  return answer;
}

/** Options of `offer-shared` as encoded on the wire: code, length, data. */
const messageType = "350102";
const serverIdentifier = "3604c6336401";
const leaseTime = "330400000e10";
const times = "3a04000007083b0400000c4e";
const portParams = "9f0400064800";
const clientIdentifier = "3d0fff000000010003000102005e100001";

describe("decodeAnswer() reads", () => {
  test("R7618-6-03 an OFFER of a shared address", () => {
    expect(leaseAnswer(packet("offer-shared"), waitsForOffer)).toMatchObject({
      kind: "offer",
      lease: {
        address: 0xc0000212,
        portParams: { psidOffset: 0, psidLength: 6, psid: 18 },
        serverIdentifier: 0xc6336401,
        leaseSeconds: 3600,
        renewalSeconds: 1800,
        rebindingSeconds: 3150,
      },
      parameters: { domainNameServers: [0xc6336435], softwire: undefined, borderRelays: [] },
    });
  });

  test("R7618-7-04 an OFFER without option 159 as a full address", () => {
    const { lease } = leaseAnswer(packet("offer-full"), {
      ...waitsForOffer,
      xid: 0x4f0a0002,
      clientIdentifier: decodeHex(vectors.constants.client2_clientid),
    });
    expect(formatIPv4(lease.address)).toBe("203.0.113.77");
    expect(isFullAddress(lease)).toBe(true);
  });

  test("A16 an option 159 with PSID-length 0 as a full address", () => {
    const { lease } = leaseAnswer(changed("offer-shared", [portParams, "9f0400000000"]), waitsForOffer);
    expect(isFullAddress(lease)).toBe(true);
  });

  test("RFC 8539 §5 the border relay and bind prefix that accompany an OFFER", () => {
    const { parameters } = leaseAnswer(packet("offer-softwire"), waitsForOffer);
    expect(parameters.borderRelays.map(formatIPv6)).toEqual(["2001:db8:ffff::1"]);
    expect(formatIPv6Prefix(parameters.bindPrefix!)).toBe("2001:db8:1234:5600::/56");
  });

  test("R8539-8-02 the bound softwire address of an ACK", () => {
    const { parameters } = leaseAnswer(packet("ack-softwire"), waitsForAck);
    expect(formatIPv6(parameters.softwire!)).toBe(vectors.constants.softwire_saddr1);
  });

  test("a NAK and its message", () => {
    expect(answerOf(decodeAnswer(packet("nak"), { ...waitsForAck, xid: 0x4f0a0003 }))).toEqual({
      kind: "nak",
      serverIdentifier: 0xc6336401,
      message: "lease not available",
    });
  });

  test("RFC 2131 table 3: the ACK to an INFORM, which grants no lease", () => {
    const expected: Expected = { ...waitsForOffer, xid: 0x4f0a0009, kinds: ["parameters"] };
    expect(answerOf(decodeAnswer(packet("ack-inform"), expected)).kind).toBe("parameters");
  });

  test("RFC 2131 §4.4.5: missing T1 and T2 as half and seven eighths of the lease time", () => {
    // Pad options replace options 58 and 59.
    const { lease } = leaseAnswer(changed("offer-shared", [times, "00".repeat(12)]), waitsForOffer);
    expect(lease).toMatchObject({ renewalSeconds: 1800, rebindingSeconds: 3150 });
    const infinite = changed("offer-shared", [times, "00".repeat(12)], [leaseTime, "3304ffffffff"]);
    expect(leaseAnswer(infinite, waitsForOffer).lease.renewalSeconds).toBe(0xffffffff);
  });

  test("RFC 6842 §3: an answer from an old server that does not return option 61", () => {
    const datagram = changed("offer-shared", [clientIdentifier, "00".repeat(17)]);
    expect(leaseAnswer(datagram, waitsForOffer).lease.address).toBe(0xc0000212);
  });
});

describe("decodeAnswer() ignores", () => {
  const cases: [IgnoreReason, string, Uint8Array, Partial<Expected>][] = [
    ["other-exchange", "an answer with another xid", packet("offer-shared"), { xid: 0x4f0a0002 }],
    [
      "other-client",
      "RFC 6842 §3 an answer with another client's option 61",
      changed("offer-shared", [clientIdentifier, "3d0fff000000010003000102005e100002"]),
      {},
    ],
    [
      "unexpected-message",
      "an OFFER that is repeated after the REQUEST",
      packet("offer-shared"),
      waitsForAck,
    ],
    ["unexpected-message", "a BOOTREQUEST", changed("offer-shared", ["020106004f", "010106004f"]), {}],
    [
      "unexpected-message",
      "an OFFER without option 53",
      changed("offer-shared", [messageType, "000000"]),
      {},
    ],
    [
      "incomplete",
      "an OFFER without option 54",
      changed("offer-shared", [serverIdentifier, "00".repeat(6)]),
      {},
    ],
    ["incomplete", "an OFFER without option 51", changed("offer-shared", [leaseTime, "00".repeat(6)]), {}],
    ["incomplete", "an OFFER of 0.0.0.0", changed("offer-shared", ["c0000212", "00000000"]), {}],
    [
      "bad-port-params",
      "R7618-9-01 an OFFER with a 3-octet option 159, which does not mean a full address",
      changed("offer-shared", [portParams, "9f0300064800"]),
      {},
    ],
    [
      "bad-port-params",
      "R7618-9-02 an OFFER with offset 16",
      changed("offer-shared", [portParams, "9f0410004800"]),
      {},
    ],
    [
      "unasked-port-params",
      "R7618-8-01 a port set that the client did not request",
      packet("offer-shared"),
      { sharesPorts: false },
    ],
    [
      "no-border-relay",
      "RFC 8539 §7.1 an OFFER without option 90",
      packet("offer-shared"),
      { needsBorderRelay: true },
    ],
    [
      "no-border-relay",
      "RFC 8539 §7.1 an OFFER with an option 90 of the wrong length",
      // Option 90 shrinks from 16 octets to 8, and the other 8 become an unknown option.
      changed("offer-softwire", [
        "005a001020010db8ffff00000000000000000001",
        "005a000820010db8ffff0000fffe000400000001",
      ]),
      { needsBorderRelay: true },
    ],
    ["malformed", "an option 87 that runs past the end", packet("offer-shared").subarray(0, 200), {}],
    ["malformed", "a DHCPV4-QUERY", packet("discover-shared-nohint"), {}],
    ["malformed", "an empty datagram", new Uint8Array(0), {}],
  ];

  test.each(cases)("%s: %s", (reason, _what, datagram, expected) => {
    expect(decodeAnswer(datagram, { ...waitsForOffer, ...expected })).toEqual({ kind: "ignored", reason });
  });

  test("corrupted and truncated datagrams, without throwing", () => {
    const offer = packet("offer-softwire");
    fc.assert(
      fc.property(fc.nat(offer.length - 1), fc.nat(255), fc.nat(offer.length), (at, octet, length) => {
        const datagram = offer.slice(0, Math.max(length, at));
        datagram[at] = octet;
        expect(["answer", "ignored"]).toContain(decodeAnswer(datagram, waitsForOffer).kind);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("behind a relay", () => {
  const level = decodeRelayMessage(packet("relay-forw-1hop"));
  const relayed: Expected = { ...waitsForOffer, relay: level };

  test("RFC 8415 §19.3: an answer is accepted in a RELAY-REPL that mirrors the client's RELAY-FORW", () => {
    expect(leaseAnswer(packet("relay-repl-1hop"), relayed).lease.address).toBe(0xc0000212);
  });

  test("any number of levels is unwrapped for a client that sent a bare query", () => {
    expect(leaseAnswer(packet("relay-repl-2hop"), waitsForOffer).lease.address).toBe(0xc0000212);
    expect(encodeHex(unwrapRelayReply(packet("relay-repl-2hop"), undefined)!)).toBe(
      packets.get("offer-shared"),
    );
  });

  test.each<[string, Uint8Array]>([
    ["no RELAY-REPL", packet("offer-shared")],
    ["another hop-count", changed("relay-repl-1hop", ["0d00", "0d01"])],
    ["another link-address", changed("relay-repl-1hop", ["20010db8000a", "20010db8000b"])],
    ["another peer-address", changed("relay-repl-1hop", ["5efffe100001", "5efffe100002"])],
    ["another Interface-Id", changed("relay-repl-1hop", ["0012000c67", "0012000c68"])],
    ["no Interface-Id", changed("relay-repl-1hop", ["0012000c67", "0013000c67"])],
  ])("RFC 8415 §19.3: %s is not our level", (_what, datagram) => {
    expect(decodeAnswer(datagram, relayed)).toEqual({ kind: "ignored", reason: "not-our-relay-level" });
  });

  test("an answer with too many relay levels is malformed", () => {
    let datagram = packet("offer-shared");
    for (let count = 0; count <= relayLevelsMax; count++) datagram = encodeRelayMessage(13, level, datagram);
    expect(decodeAnswer(datagram, waitsForOffer)).toEqual({ kind: "ignored", reason: "malformed" });
  });
});

describe("chooseOffer()", () => {
  const terms: ServerLease = {
    address: 1,
    portParams: { psidOffset: 0, psidLength: 6, psid: 18 },
    serverIdentifier: 1,
    leaseSeconds: 3600,
    renewalSeconds: 1800,
    rebindingSeconds: 3150,
  };
  const shared = { lease: terms };
  const full = { lease: { ...terms, portParams: undefined } };

  test("R7618-5-05 prefers a full address, even one that arrived later", () => {
    expect(chooseOffer([shared, full], "full")).toBe(full);
  });

  test("R7618-5-05 prefers a shared address when configured to", () => {
    expect(chooseOffer([full, shared], "shared")).toBe(shared);
  });

  test("takes the first offer when none is of the preferred kind", () => {
    const other = { lease: { ...terms, address: 2 } };
    expect(chooseOffer([shared, other], "full")).toBe(shared);
  });
});
