import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../../test/support/octets.ts";
import { relayLevelsMax } from "../../limits.ts";
import { encodeFrames } from "../frames.ts";
import { encodeHex } from "../hex.ts";
import { parseIPv6 } from "../ipv6-address.ts";
import { decodeRelayPathRecord, encodeRelayPathRecord } from "./relay-path.ts";
import { decodeRelayMessage, decodeRelayPath, encodeRelayMessage, encodeRelayReply } from "./relay.ts";
import type { RelayLevel } from "./relay.ts";

const forward = octets(
  "0c", // RELAY-FORW
  "03", // hop-count
  "20010db8000a0000 0000000000000001", // link-address 2001:db8:a::1
  "fe80000000000000 00005efffe100001", // peer-address fe80::5eff:fe10:1
  "0012 0003 696630", // option 18: "if0"
  "0025 0006 00007ed9 6c31", // option 37: 32473, "l1"
  "0009 0004 c8010203", // option 9: a message of type 200
);
const header = (type: string): string => `${type} 00 ${"00".repeat(32)}`;

const level = (hopCount: number, options: RelayLevel["options"]): RelayLevel => ({
  hopCount,
  linkAddress: parseIPv6("2001:db8:a::1"),
  peerAddress: parseIPv6("fe80::1"),
  options,
});
const option = (code: number, hex: string): RelayLevel["options"][number] => ({ code, data: octets(hex) });

/** Wraps a message in levels of RELAY-FORW, with hop-counts as relays set them. */
function nest(levels: number, message: Uint8Array): Uint8Array {
  let nested = message;
  for (let hop = 0; hop < levels; hop++) {
    nested = encodeRelayMessage(12, level(hop, [option(18, `0${hop % 10}`)]), nested);
  }
  return nested;
}

const anyAddress = fc.uint8Array({ minLength: 16, maxLength: 16 });
const anyOption = fc.record({
  code: fc.oneof(
    fc.constantFrom(18, 37, 38, 79, 135),
    fc.nat(0xffff).filter((code) => code !== 9 && code !== 43),
  ),
  data: fc.uint8Array({ maxLength: 20 }),
});
const anyLevel: fc.Arbitrary<RelayLevel> = fc.record({
  hopCount: fc.nat(255),
  linkAddress: anyAddress,
  peerAddress: anyAddress,
  options: fc.array(anyOption, { maxLength: 6 }),
});
const anyPath = fc.array(anyLevel, { minLength: 1, maxLength: relayLevelsMax });
/** Any octets except another RELAY-FORW. */
const anyMessage = fc.uint8Array({ maxLength: 100 }).filter((message) => message[0] !== 12);

describe("decodeRelayMessage()", () => {
  it("reads one level and the message in it, as views (RFC 8415 §9)", () => {
    const message = decodeRelayMessage(forward);
    expect(message).toEqual({
      type: 12,
      hopCount: 3,
      linkAddress: parseIPv6("2001:db8:a::1"),
      peerAddress: parseIPv6("fe80::5eff:fe10:1"),
      options: [option(18, "696630"), option(37, "00007ed96c31")],
      message: octets("c8010203"),
    });
    for (const view of [message.linkAddress, message.peerAddress, message.message]) {
      expect(view.buffer).toBe(forward.buffer);
    }
  });

  it.each([
    ["no octets", "", "message-truncated"],
    ["only a type", "0c", "message-truncated"],
    ["33 octets", header("0c").slice(0, -2), "message-truncated"],
    ["another type", `${header("14")} 0009 0000`, "unexpected-message-type"],
    ["another type cut short", "14", "unexpected-message-type"],
    ["no option 9", header("0c"), "no-relay-message"],
    ["other options but no option 9", `${header("0d")} 0012 0001 61`, "no-relay-message"],
    ["two options 9", `${header("0c")} 0009 0001 01 0009 0001 01`, "duplicate-relay-message"],
    ["an option 9 cut short", `${header("0c")} 0009 0002 01`, "option-overrun"],
    ["65 options", `${header("0c")} ${"000e0000".repeat(65)}`, "too-many-options"],
  ])("rejects %s", (_, hex, reason) => {
    expect(reasonOf(() => decodeRelayMessage(octets(hex)))).toBe(reason);
  });

  it("reverses encodeRelayMessage()", () => {
    fc.assert(
      fc.property(fc.constantFrom(12, 13), anyLevel, anyMessage, (type, each, message) => {
        expect(decodeRelayMessage(encodeRelayMessage(type, each, message))).toEqual({
          type,
          ...each,
          message,
        });
      }),
    );
  });
});

describe("encodeRelayMessage()", () => {
  it("writes options in their order, option 9 last", () => {
    const { type, message, ...each } = decodeRelayMessage(forward);
    expect(encodeHex(encodeRelayMessage(type, each, message))).toBe(encodeHex(forward));
  });

  it("rejects a message that is too long for option 9", () => {
    expect(encodeRelayMessage(12, level(0, []), new Uint8Array(65_535))).toHaveLength(34 + 4 + 65_535);
    expect(() => encodeRelayMessage(12, level(0, []), new Uint8Array(65_536))).toThrow(RangeError);
  });
});

describe("decodeRelayPath()", () => {
  it("follows nine levels, hop-counts 8 to 0, outermost first (R8415-19.1.2-01)", () => {
    const { path, message } = decodeRelayPath(nest(9, octets("14000000")));
    expect(path.map(({ hopCount }) => hopCount)).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(path.map(({ options }) => encodeHex(options[0]!.data)).join(" ")).toBe(
      "08 07 06 05 04 03 02 01 00",
    );
    expect(message).toEqual(octets("14000000"));
  });

  it("follows 16 levels, and rejects 17: relay-too-deep", () => {
    expect(decodeRelayPath(nest(relayLevelsMax, octets("14"))).path).toHaveLength(relayLevelsMax);
    expect(reasonOf(() => decodeRelayPath(nest(relayLevelsMax + 1, octets("14"))))).toBe("relay-too-deep");
    // About as deep as 64 KiB allow: each level takes 43 octets.
    expect(reasonOf(() => decodeRelayPath(nest(1500, octets("14"))))).toBe("relay-too-deep");
  });

  it("returns any other message unchanged, including an empty one and a RELAY-REPL", () => {
    expect(decodeRelayPath(nest(1, new Uint8Array(0))).message).toHaveLength(0);
    const reply = encodeRelayMessage(13, level(0, []), octets("15"));
    expect(decodeRelayPath(nest(2, reply)).message).toEqual(reply);
  });

  it.each([
    ["a RELAY-REPL", encodeRelayMessage(13, level(0, []), octets("15")), "unexpected-message-type"],
    ["a query", octets("14000000"), "unexpected-message-type"],
    ["no octets", new Uint8Array(0), "message-truncated"],
    ["an inner level that is cut short", nest(1, octets("0c00")), "message-truncated"],
    ["an inner level without option 9", nest(1, octets(header("0c"))), "no-relay-message"],
  ])("rejects %s", (_, input, reason) => {
    expect(reasonOf(() => decodeRelayPath(input))).toBe(reason);
  });

  it("returns the path that encodeRelayMessage() built", () => {
    fc.assert(
      fc.property(anyPath, anyMessage, (path, message) => {
        const nested = path.reduceRight<Uint8Array>(
          (inner, each) => encodeRelayMessage(12, each, inner),
          message,
        );
        expect(decodeRelayPath(nested)).toEqual({ path, message });
      }),
    );
  });
});

describe("encodeRelayReply()", () => {
  it("mirrors a level: type 13, hop-count, link-address, peer-address (RFC 8415 §19.3, R7341-11-07)", () => {
    const { path } = decodeRelayPath(forward);
    const expected = octets(
      "0d", // RELAY-REPL
      "03", // hop-count, copied
      "20010db8000a0000 0000000000000001", // link-address, copied
      "fe80000000000000 00005efffe100001", // peer-address, copied
      "0012 0003 696630", // option 18, echoed; option 37 is not
      "0009 0005 1500000001", // option 9: the answer
    );
    expect(encodeHex(encodeRelayReply(path, octets("1500000001")))).toBe(encodeHex(expected));
  });

  const all = [
    option(18, "6966"), // Interface-Id
    option(37, "00007ed96c"), // Remote-Id
    option(38, "63"), // Subscriber-Id
    option(79, "000102"), // Client Link-Layer Address
    option(135, "060b"), // Relay Source Port
    option(65_001, "01"), // an unassigned option
  ];
  it.each([
    ["18 and 135 without option 43 (RFC 8357 §5.2)", undefined, [18, 135]],
    ["18 and 135 with an empty option 43", "", [18, 135]],
    ["37 as well when option 43 lists it (RFC 4994 §4)", "0025", [18, 135, 37]],
    [
      "the options that option 43 lists, in its order and without duplicates",
      "fde9 004f 0012 0026 004f",
      [18, 135, 65_001, 79, 38],
    ],
    ["nothing for codes that are absent", "0001 0009 005a", [18, 135]],
    ["only whole codes of an option 43 of odd length", "0026 00", [18, 135, 38]],
  ])("echoes %s", (_, requested, echoed) => {
    const options = requested === undefined ? all : [...all, option(43, requested)];
    const { options: reply } = decodeRelayMessage(encodeRelayReply([level(0, options)], octets("15")));
    expect(reply.map(({ code }) => code)).toEqual(echoed);
    for (const { code, data } of reply) expect(data).toEqual(all.find((each) => each.code === code)!.data);
  });

  it("echoes 37, 38 and 79 only at the level that requests them", () => {
    const path = [level(1, [...all, option(43, "0025")]), level(0, all)];
    const outer = decodeRelayMessage(encodeRelayReply(path, octets("15")));
    expect(outer.options.map(({ code }) => code)).toEqual([18, 135, 37]);
    expect(decodeRelayMessage(outer.message).options.map(({ code }) => code)).toEqual([18, 135]);
  });

  it("wraps nine levels", () => {
    const { path } = decodeRelayPath(nest(9, octets("14000000")));
    let message = encodeRelayReply(path, octets("15000000"));
    for (let hop = 8; hop >= 0; hop--) {
      const reply = decodeRelayMessage(message);
      expect([reply.type, reply.hopCount, encodeHex(reply.options[0]!.data)]).toEqual([13, hop, `0${hop}`]);
      message = reply.message;
    }
    expect(message).toEqual(octets("15000000"));
  });

  it("rejects an answer that is too long for option 9 of the outer level", () => {
    const answer = new Uint8Array(65_535 - 38);
    expect(encodeRelayReply([level(1, []), level(0, [])], answer)).toHaveLength(38 + 65_535);
    expect(() => encodeRelayReply([level(1, []), level(0, [])], new Uint8Array(65_535 - 37))).toThrow(
      RangeError,
    );
  });

  it("copies hop-count and addresses at each level, and leaves the inner message unchanged", () => {
    fc.assert(
      fc.property(anyPath, anyMessage, (path, message) => {
        let rest = encodeRelayReply(path, message);
        for (const { hopCount, linkAddress, peerAddress, options } of path) {
          const reply = decodeRelayMessage(rest);
          const echoed = options.filter(({ code }) => code === 18 || code === 135);
          expect(reply).toEqual({
            type: 13,
            hopCount,
            linkAddress,
            peerAddress,
            options: echoed,
            message: reply.message,
          });
          rest = reply.message;
        }
        expect(rest).toEqual(message);
      }),
    );
  });
});

describe("decodeRelayPathRecord()", () => {
  it("reads one level without option 9 from each frame", () => {
    const record = octets(
      "0029", // length of the frame: 41
      "0c", // RELAY-FORW
      "03", // hop-count
      "20010db8000a0000 0000000000000001", // link-address
      "fe80000000000000 00005efffe100001", // peer-address
      "0012 0003 696630", // option 18
    );
    const path = [{ ...level(3, [option(18, "696630")]), peerAddress: parseIPv6("fe80::5eff:fe10:1") }];
    expect(decodeRelayPathRecord(record)).toEqual(path);
    expect(encodeHex(encodeRelayPathRecord(path))).toBe(encodeHex(record));
  });

  it.each([
    ["a frame of 33 octets", encodeFrames([new Uint8Array(33)]), "message-truncated"],
    ["an empty frame", octets("0000"), "message-truncated"],
    ["half a frame", octets("0029 0c"), "bad-frame"],
    ["a broken option", encodeFrames([octets(header("0c"), "0012")]), "option-overrun"],
    ["17 levels", encodeFrames(Array.from({ length: 17 }, () => octets(header("0c")))), "too-many-frames"],
  ])("rejects %s", (_, record, reason) => {
    expect(reasonOf(() => decodeRelayPathRecord(record))).toBe(reason);
  });

  it("reverses encodeRelayPathRecord(), even without levels", () => {
    fc.assert(
      fc.property(fc.array(anyLevel, { maxLength: relayLevelsMax }), (path) => {
        expect(decodeRelayPathRecord(encodeRelayPathRecord(path))).toEqual(path);
      }),
    );
  });

  it("returns a path for which encodeRelayReply() gives the same answer as for the original", () => {
    const { path } = decodeRelayPath(nest(3, octets("14000000")));
    const stored = decodeRelayPathRecord(encodeRelayPathRecord(path));
    expect(encodeRelayReply(stored, octets("15"))).toEqual(encodeRelayReply(path, octets("15")));
  });
});
