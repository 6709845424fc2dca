/**
 * The data of DHCPv4 options: octets with the value that they encode, malformed octets with the reason for which they
 * are rejected, and values that cannot be encoded.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../../../test/support/octets.ts";
import { encodeHex } from "../../hex.ts";
import { parseIPv4 } from "../../ipv4-address.ts";
import { parseIPv6 } from "../../ipv6-address.ts";
import { decodeAddress, encodeAddress } from "./address.ts";
import { decodeClientIdentifier, encodeClientIdentifier } from "./client-identifier.ts";
import { decodeMaxMessageSize, encodeMaxMessageSize } from "./max-message-size.ts";
import { decodeMessageType, encodeMessageType } from "./message-type.ts";
import { decodeMessage, encodeMessage } from "./message.ts";
import { decodeParameterRequestList, encodeParameterRequestList } from "./parameter-request-list.ts";
import { decodePortParams, encodePortParams } from "./port-params.ts";
import { decodeRapidCommit, encodeRapidCommit } from "./rapid-commit.ts";
import { decodeSeconds, encodeSeconds, infiniteSeconds } from "./seconds.ts";
import { decodeSoftwireSourceAddress, encodeSoftwireSourceAddress } from "./softwire-source-address.ts";

const softwire = parseIPv6("2001:db8:1234:5600:0:c000:212:12");

interface Golden {
  readonly title: string;
  readonly data: Uint8Array;
  readonly value: unknown;
  readonly decode: (data: Uint8Array) => unknown;
  readonly encode: () => Uint8Array;
}

/** Builds a case that checks a codec in both directions: octets and the value that they encode. */
function golden<T>(
  title: string,
  data: Uint8Array,
  value: T,
  decode: (data: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
): Golden {
  return { title, data, value, decode, encode: () => encode(value) };
}

describe("golden octets", () => {
  it.each([
    golden(
      "requested address (50)",
      octets("c0 00 02 12"), // 192.0.2.18
      parseIPv4("192.0.2.18"),
      decodeAddress,
      encodeAddress,
    ),
    golden(
      "server identifier (54) above 2^31",
      octets("c6 33 64 01"), // 198.51.100.1
      0xc6336401,
      decodeAddress,
      encodeAddress,
    ),
    golden(
      "lease time (51) of an hour",
      octets("00 00 0e 10"), // 3600 s
      3600,
      decodeSeconds,
      encodeSeconds,
    ),
    golden(
      "lease time (51), infinite",
      octets("ff ff ff ff"), // the value that means infinity
      infiniteSeconds,
      decodeSeconds,
      encodeSeconds,
    ),
    golden(
      "message type (53)",
      octets("05"), // DHCPACK
      5,
      decodeMessageType,
      encodeMessageType,
    ),
    golden(
      "parameter request list (55), in order",
      octets(
        "01", // subnet mask
        "06", // DNS
        "33", // lease time
        "9f", // port parameters
        "03", // routers
      ),
      [1, 6, 51, 159, 3],
      decodeParameterRequestList,
      encodeParameterRequestList,
    ),
    golden(
      "message (56)",
      octets("6e 6f 20 61 64 64 72"), // "no addr"
      "no addr",
      decodeMessage,
      encodeMessage,
    ),
    golden(
      "maximum message size (57), the smallest",
      octets("02 40"), // 576
      576,
      decodeMaxMessageSize,
      encodeMaxMessageSize,
    ),
    golden("rapid commit (80)", octets(""), true, decodeRapidCommit, encodeRapidCommit),
    golden(
      "softwire source address (109)",
      octets(
        "2001 0db8 1234 5600", // prefix of the client
        "0000 c000 0212 0012", // 0, 192.0.2.18, PSID 18: the interface identifier of lw4o6
      ),
      softwire,
      decodeSoftwireSourceAddress,
      encodeSoftwireSourceAddress,
    ),
    golden(
      "port parameters (159) of a shared address (R7618-9-01, R7618-9-04)",
      octets(
        "00", // offset
        "06", // PSID-len
        "48 00", // PSID 18 in the leftmost 6 bits: 010010 0000000000
      ),
      { psidOffset: 0, psidLength: 6, psid: 18 },
      decodePortParams,
      encodePortParams,
    ),
    golden(
      "port parameters (159) with the offset of MAP (R7618-9-02)",
      octets(
        "06", // offset
        "08", // PSID-len
        "34 00", // PSID 52 in the leftmost 8 bits
      ),
      { psidOffset: 6, psidLength: 8, psid: 52 },
      decodePortParams,
      encodePortParams,
    ),
    golden(
      "port parameters (159) of one port",
      octets(
        "00", // offset
        "10", // PSID-len
        "ff ff", // PSID 65535 in all 16 bits
      ),
      { psidOffset: 0, psidLength: 16, psid: 65_535 },
      decodePortParams,
      encodePortParams,
    ),
    golden(
      "port parameters (159) without a port set (R7618-9-03)",
      octets(
        "00", // offset
        "00", // PSID-len
        "00 00", // no PSID
      ),
      { psidOffset: 0, psidLength: 0, psid: 0 },
      decodePortParams,
      encodePortParams,
    ),
    golden(
      "port parameters (159) with the largest offset",
      octets(
        "0f", // offset
        "01", // PSID-len
        "80 00", // PSID 1 in the leftmost bit
      ),
      { psidOffset: 15, psidLength: 1, psid: 1 },
      decodePortParams,
      encodePortParams,
    ),
  ])("$title", ({ data, value, decode, encode }) => {
    expect(decode(data)).toEqual(value);
    expect(encodeHex(encode())).toBe(encodeHex(data));
  });
});

describe("rejected data", () => {
  it.each<[string, (data: Uint8Array) => unknown, string, string]>([
    ["address of 3 octets", decodeAddress, "c00002", "bad-option-length"],
    ["address of 5 octets", decodeAddress, "c000021200", "bad-option-length"],
    ["time of 0 octets", decodeSeconds, "", "bad-option-length"],
    ["time of 3 octets", decodeSeconds, "000e10", "bad-option-length"],
    ["message type of 0 octets", decodeMessageType, "", "bad-option-length"],
    ["message type of 2 octets", decodeMessageType, "0101", "bad-option-length"],
    ["maximum message size of 1 octet", decodeMaxMessageSize, "02", "bad-option-length"],
    ["maximum message size of 575", decodeMaxMessageSize, "023f", "bad-option-value"],
    ["client identifier of 1 octet", decodeClientIdentifier, "ff", "bad-option-length"],
    ["rapid commit with data", decodeRapidCommit, "00", "bad-option-length"],
    [
      "softwire source address of 15 octets",
      decodeSoftwireSourceAddress,
      "00".repeat(15),
      "bad-option-length",
    ],
    [
      "softwire source address of 17 octets",
      decodeSoftwireSourceAddress,
      "00".repeat(17),
      "bad-option-length",
    ],
    ["port parameters of 0 octets (R7618-9-01)", decodePortParams, "", "bad-option-length"],
    ["port parameters of 3 octets (R7618-9-01)", decodePortParams, "000648", "bad-option-length"],
    ["port parameters of 8 octets (R7618-9-01)", decodePortParams, "0006480000065000", "bad-option-length"],
    ["port parameters with offset 16 (R7618-9-02)", decodePortParams, "10000000", "bad-option-value"],
    ["port parameters with PSID-len 17 (R7618-9-03)", decodePortParams, "00110000", "bad-option-value"],
    ["port parameters with offset 6 and PSID-len 12", decodePortParams, "060c3400", "bad-option-value"],
    ["port parameters with offset 15 and PSID-len 2", decodePortParams, "0f020000", "bad-option-value"],
  ])("%s", (_, decode, hex, reason) => {
    expect(reasonOf(() => decode(octets(hex)))).toBe(reason);
  });
});

describe("rejected values", () => {
  it.each<[string, () => Uint8Array]>([
    ["maximum message size of 575", () => encodeMaxMessageSize(575)],
    ["maximum message size of 65536", () => encodeMaxMessageSize(65_536)],
    ["softwire source address of 4 octets", () => encodeSoftwireSourceAddress(new Uint8Array(4))],
    ["DUID of 2 octets", () => encodeClientIdentifier({ iaid: 1, duid: new Uint8Array(2) })],
    ["DUID of 131 octets", () => encodeClientIdentifier({ iaid: 1, duid: new Uint8Array(131) })],
    ["offset 16", () => encodePortParams({ psidOffset: 16, psidLength: 0, psid: 0 })],
    ["PSID-len 17", () => encodePortParams({ psidOffset: 0, psidLength: 17, psid: 0 })],
    ["offset 6 and PSID-len 12", () => encodePortParams({ psidOffset: 6, psidLength: 12, psid: 0 })],
    ["PSID 64 of 6 bits", () => encodePortParams({ psidOffset: 0, psidLength: 6, psid: 64 })],
    ["PSID -1", () => encodePortParams({ psidOffset: 0, psidLength: 6, psid: -1 })],
    ["PSID 1 of no bits", () => encodePortParams({ psidOffset: 0, psidLength: 0, psid: 1 })],
  ])("%s", (_, encode) => {
    expect(encode).toThrow(RangeError);
  });
});

describe("decodePortParams()", () => {
  it("ignores the bits after the PSID (R7618-9-04)", () => {
    expect(decodePortParams(octets("00 06 4bff"))).toEqual({ psidOffset: 0, psidLength: 6, psid: 18 });
    expect(decodePortParams(octets("00 00 ffff"))).toEqual({ psidOffset: 0, psidLength: 0, psid: 0 });
  });

  it("reverses encodePortParams(), which leaves the bits after the PSID zero (R7618-9-04)", () => {
    const anyParams = fc
      .integer({ min: 0, max: 15 })
      .chain((psidOffset) => fc.tuple(fc.constant(psidOffset), fc.nat(16 - psidOffset)))
      .chain(([psidOffset, psidLength]) =>
        fc.record({
          psidOffset: fc.constant(psidOffset),
          psidLength: fc.constant(psidLength),
          psid: fc.nat(2 ** psidLength - 1),
        }),
      );
    fc.assert(
      fc.property(anyParams, (params) => {
        const data = encodePortParams(params);
        expect(data).toHaveLength(4);
        expect(((data[2]! << 8) | data[3]!) % 2 ** (16 - params.psidLength)).toBe(0);
        expect(decodePortParams(data)).toEqual(params);
      }),
    );
  });
});

describe("decodeClientIdentifier()", () => {
  it("reads an IAID and a DUID (RFC 4361 §6.1)", () => {
    const data = octets(
      "ff", // type: RFC 4361
      "00 00 00 01", // IAID
      "00 03", // DUID-LL
      "00 01", // Ethernet
      "02 00 5e 10 00 01", // its address
    );
    const duid = octets("00030001 02005e100001");
    expect(decodeClientIdentifier(data)).toEqual({ kind: "rfc4361", iaid: 1, duid });
    expect(encodeHex(encodeClientIdentifier({ iaid: 1, duid }))).toBe(encodeHex(data));
  });

  it.each([
    ["a hardware address (RFC 2132 §9.14)", "01 02005e100001", 1, "02005e100001"],
    ["type 255 without room for a DUID", "ff 00000001 0003", 255, "000000010003"],
    [
      "type 255 with a DUID of 131 octets",
      `ff 00000001 ${"00".repeat(131)}`,
      255,
      `00000001${"00".repeat(131)}`,
    ],
  ])("returns type and value of %s", (_, hex, type, value) => {
    expect(decodeClientIdentifier(octets(hex))).toEqual({ kind: "other", type, value: octets(value) });
  });

  it("reverses encodeClientIdentifier()", () => {
    const identifier = fc.record({
      iaid: fc.nat(0xffffffff),
      duid: fc.uint8Array({ minLength: 3, maxLength: 130 }),
    });
    fc.assert(
      fc.property(identifier, (each) => {
        expect(decodeClientIdentifier(encodeClientIdentifier(each))).toEqual({ kind: "rfc4361", ...each });
      }),
    );
  });
});

describe("decodeMessage()", () => {
  it("removes trailing zeros (RFC 2132 §2)", () => {
    expect(decodeMessage(octets("6e6f 0000"))).toBe("no");
    expect(decodeMessage(octets("00"))).toBe("");
  });

  it("replaces octets that are not UTF-8", () => {
    expect(decodeMessage(octets("6e ff 6f"))).toBe("n\ufffdo");
  });
});

describe("decoders reverse encoders", () => {
  const roundTrip = <T>(
    title: string,
    values: fc.Arbitrary<T>,
    decode: (data: Uint8Array) => T,
    encode: (value: T) => Uint8Array,
  ): [string, () => void] => [
    title,
    () => {
      fc.assert(
        fc.property(values, (value) => {
          expect(decode(encode(value))).toEqual(value);
        }),
      );
    },
  ];
  const anyUint32 = fc.nat(0xffffffff);
  const printable = fc.string({ unit: "grapheme-ascii", maxLength: 300 });

  it.each([
    roundTrip("address", anyUint32, decodeAddress, encodeAddress),
    roundTrip("seconds", anyUint32, decodeSeconds, encodeSeconds),
    roundTrip("message type", fc.nat(255), decodeMessageType, encodeMessageType),
    roundTrip(
      "maximum message size",
      fc.integer({ min: 576, max: 65_535 }),
      decodeMaxMessageSize,
      encodeMaxMessageSize,
    ),
    roundTrip("request list", fc.array(fc.nat(255)), decodeParameterRequestList, encodeParameterRequestList),
    roundTrip("message", printable, decodeMessage, encodeMessage),
    roundTrip(
      "softwire source address",
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      decodeSoftwireSourceAddress,
      encodeSoftwireSourceAddress,
    ),
  ])("%s", (_, check) => {
    check();
  });
});
