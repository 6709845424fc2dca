/**
 * The data of DHCPv6 options: octets with the value that they encode, malformed octets with the reason for which they
 * are rejected, and values that cannot be encoded.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../../../test/support/octets.ts";
import { encodeHex } from "../../hex.ts";
import { parseIPv4 } from "../../ipv4-address.ts";
import { maskIPv6, parseIPv6, parseIPv6Prefix } from "../../ipv6-address.ts";
import { decodeCodeList, encodeCodeList } from "./code-list.ts";
import { decodeDhcp4o6Server, encodeDhcp4o6Server } from "./dhcp4o6-server.ts";
import { decodeInformationRefreshTime, encodeInformationRefreshTime } from "./information-refresh-time.ts";
import { decodeRelayPort, encodeRelayPort } from "./relay-port.ts";
import { decodeRemoteId, encodeRemoteId } from "./remote-id.ts";
import { decodeS46BindPrefix, encodeS46BindPrefix } from "./s46-bind-prefix.ts";
import { decodeS46Br, encodeS46Br } from "./s46-br.ts";
import { decodeS46ContLw, encodeS46ContLw } from "./s46-cont-lw.ts";

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

const softwire = octets(
  "005c 0014", // S46_V4V6BIND (92) of 20 octets
  "c0000212", // 192.0.2.18
  "38", // prefix length 56
  "20010db8123456", // 2001:db8:1234:5600::
  "005d 0004", // S46_PORTPARAMS (93) of 4 octets
  "00 06 4800", // offset 0, PSID-len 6, PSID 18
  "005a 0010", // S46_BR (90) of 16 octets
  "20010db8ffff0000 0000000000000001", // 2001:db8:ffff::1
);

describe("golden octets", () => {
  it.each([
    golden(
      "option request (6)",
      octets(
        "005a", // 90
        "0089", // 137
        "ffff", // the largest code
      ),
      [90, 137, 65_535],
      decodeCodeList,
      encodeCodeList,
    ),
    golden("empty echo request (43)", octets(""), [], decodeCodeList, encodeCodeList),
    golden(
      "Information Refresh Time (32)",
      octets("00000e10"), // an hour
      3600,
      decodeInformationRefreshTime,
      encodeInformationRefreshTime,
    ),
    golden(
      "Remote-Id (37)",
      octets(
        "00007ed9", // enterprise 32473
        "6c31", // "l1"
      ),
      { enterprise: 32_473, remoteId: octets("6c31") },
      decodeRemoteId,
      encodeRemoteId,
    ),
    golden(
      "4o6 servers (88)",
      octets(
        "20010db800530000 0000000000000001", // 2001:db8:53::1
        "20010db800530000 0000000000000002", // 2001:db8:53::2
      ),
      [parseIPv6("2001:db8:53::1"), parseIPv6("2001:db8:53::2")],
      decodeDhcp4o6Server,
      encodeDhcp4o6Server,
    ),
    golden(
      "empty list of 4o6 servers (88): the multicast group",
      octets(""),
      [],
      decodeDhcp4o6Server,
      encodeDhcp4o6Server,
    ),
    golden(
      "border relay (90)",
      octets("20010db8ffff0000 0000000000000001"), // 2001:db8:ffff::1
      parseIPv6("2001:db8:ffff::1"),
      decodeS46Br,
      encodeS46Br,
    ),
    golden(
      "relay source port (135)",
      octets("060b"), // 1547
      1547,
      decodeRelayPort,
      encodeRelayPort,
    ),
    golden("relay source port (135) of 0", octets("0000"), 0, decodeRelayPort, encodeRelayPort),
    golden(
      "bind prefix (137) of whole octets (R8539-6.1-01)",
      octets(
        "38", // 56 bits
        "20010db8123456", // in 7 octets
      ),
      parseIPv6Prefix("2001:db8:1234:5600::/56"),
      decodeS46BindPrefix,
      encodeS46BindPrefix,
    ),
    golden(
      "bind prefix (137) of 57 bits",
      octets(
        "39", // 57 bits
        "20010db812345680", // in 8 octets
      ),
      parseIPv6Prefix("2001:db8:1234:5680::/57"),
      decodeS46BindPrefix,
      encodeS46BindPrefix,
    ),
    golden(
      "bind prefix (137) of a whole address",
      octets(
        "80", // 128 bits
        "20010db800000000 0000000000000001", // in 16 octets
      ),
      parseIPv6Prefix("2001:db8::1/128"),
      decodeS46BindPrefix,
      encodeS46BindPrefix,
    ),
    golden(
      "bind prefix (137) of 0 bits",
      octets("00"),
      parseIPv6Prefix("::/0"),
      decodeS46BindPrefix,
      encodeS46BindPrefix,
    ),
    golden(
      "softwire container (96)",
      softwire,
      {
        borderRelays: [parseIPv6("2001:db8:ffff::1")],
        bind: {
          address: parseIPv4("192.0.2.18"),
          prefix: parseIPv6Prefix("2001:db8:1234:5600::/56"),
          portParams: { psidOffset: 0, psidLength: 6, psid: 18 },
        },
      },
      decodeS46ContLw,
      encodeS46ContLw,
    ),
    golden(
      "softwire container (96) with only a border relay",
      softwire.subarray(24),
      { borderRelays: [parseIPv6("2001:db8:ffff::1")] },
      decodeS46ContLw,
      encodeS46ContLw,
    ),
  ])("$title", ({ data, value, decode, encode }) => {
    expect(decode(data)).toEqual(value);
    expect(encodeHex(encode())).toBe(encodeHex(data));
  });
});

const borderRelay = `005a 0010 ${"00".repeat(16)}`;

describe("rejected data", () => {
  it.each<[string, (data: Uint8Array) => unknown, string, string]>([
    ["code list of 1 octet", decodeCodeList, "00", "bad-option-length"],
    ["code list of 3 octets", decodeCodeList, "005a00", "bad-option-length"],
    ["Remote-Id of 4 octets", decodeRemoteId, "00007ed9", "bad-option-length"],
    ["Remote-Id of 0 octets", decodeRemoteId, "", "bad-option-length"],
    ["4o6 servers of 15 octets", decodeDhcp4o6Server, "00".repeat(15), "bad-option-length"],
    ["4o6 servers of 17 octets", decodeDhcp4o6Server, "00".repeat(17), "bad-option-length"],
    ["border relay of 15 octets", decodeS46Br, "00".repeat(15), "bad-option-length"],
    ["border relay of 32 octets", decodeS46Br, "00".repeat(32), "bad-option-length"],
    ["refresh time of 3 octets", decodeInformationRefreshTime, "000e10", "bad-option-length"],
    ["relay source port of 1 octet", decodeRelayPort, "06", "bad-option-length"],
    ["relay source port of 3 octets", decodeRelayPort, "060b00", "bad-option-length"],
    ["empty bind prefix", decodeS46BindPrefix, "", "bad-option-length"],
    ["bind prefix with an octet too few", decodeS46BindPrefix, "38 20010db81234", "bad-option-length"],
    ["bind prefix with an octet too many", decodeS46BindPrefix, "38 20010db812345600", "bad-option-length"],
    ["bind prefix of 129 bits", decodeS46BindPrefix, `81 ${"00".repeat(17)}`, "bad-option-value"],
    ["container without border relay", decodeS46ContLw, "", "bad-option-value"],
    [
      "container with two bindings",
      decodeS46ContLw,
      `${borderRelay} 005c 0005 c000021200 005c 0005 c000021200`,
      "bad-option-value",
    ],
    ["container with an empty binding", decodeS46ContLw, `${borderRelay} 005c 0000`, "bad-option-length"],
    [
      "container with a binding cut short",
      decodeS46ContLw,
      `${borderRelay} 005c 0006 c0000212 38 20`,
      "bad-option-length",
    ],
    [
      "container with a binding of 129 bits",
      decodeS46ContLw,
      `${borderRelay} 005c 0016 c0000212 81 ${"00".repeat(17)}`,
      "bad-option-value",
    ],
    [
      "container with invalid port parameters",
      decodeS46ContLw,
      `${borderRelay} 005c 000d c0000212 00 005d 0004 10000000`,
      "bad-option-value",
    ],
    ["container with a border relay of 4 octets", decodeS46ContLw, "005a 0004 00000000", "bad-option-length"],
    ["container with an option cut short", decodeS46ContLw, "005a 0010 00", "option-overrun"],
  ])("%s", (_, decode, hex, reason) => {
    expect(reasonOf(() => decode(octets(hex)))).toBe(reason);
  });
});

describe("rejected values", () => {
  it.each<[string, () => Uint8Array]>([
    ["empty Remote-Id", () => encodeRemoteId({ enterprise: 1, remoteId: new Uint8Array(0) })],
    ["4o6 server of 4 octets", () => encodeDhcp4o6Server([new Uint8Array(4)])],
    ["border relay of 4 octets", () => encodeS46Br(new Uint8Array(4))],
    ["refresh time below IRT_MINIMUM", () => encodeInformationRefreshTime(599)],
    ["refresh time of more than 32 bits", () => encodeInformationRefreshTime(2 ** 32)],
    ["container without border relay", () => encodeS46ContLw({ borderRelays: [] })],
  ])("%s", (_, encode) => {
    expect(encode).toThrow(RangeError);
  });
});

describe("decodeS46BindPrefix()", () => {
  it("clears the bits after the prefix", () => {
    expect(decodeS46BindPrefix(octets("0a ffff"))).toEqual(parseIPv6Prefix("ffc0::/10"));
  });
});

describe("encodeS46BindPrefix()", () => {
  it("sends no bits after the prefix", () => {
    expect(encodeHex(encodeS46BindPrefix({ address: parseIPv6("ffff::"), length: 10 }))).toBe("0affc0");
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
  const anyAddress = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const someOctets = fc.uint8Array({ minLength: 1, maxLength: 200 });
  const anyPrefix = fc
    .tuple(anyAddress, fc.nat(128))
    .map(([address, length]) => ({ address: maskIPv6(address, length), length }));
  const anyPortParams = fc
    .tuple(fc.nat(15), fc.nat(16), fc.nat(0xffff))
    .filter(([psidOffset, psidLength]) => psidOffset + psidLength <= 16)
    .map(([psidOffset, psidLength, psid]) => ({ psidOffset, psidLength, psid: psid % 2 ** psidLength }));
  const anyBind = fc.record(
    { address: fc.nat(0xffffffff), prefix: anyPrefix, portParams: anyPortParams },
    { requiredKeys: ["address", "prefix"] },
  );
  const anyContainer = fc.record(
    { borderRelays: fc.array(anyAddress, { minLength: 1, maxLength: 4 }), bind: anyBind },
    { requiredKeys: ["borderRelays"] },
  );

  it.each([
    roundTrip("code list", fc.array(fc.nat(0xffff)), decodeCodeList, encodeCodeList),
    roundTrip(
      "Remote-Id",
      fc.record({ enterprise: fc.nat(0xffffffff), remoteId: someOctets }),
      decodeRemoteId,
      encodeRemoteId,
    ),
    roundTrip(
      "4o6 servers",
      fc.array(anyAddress, { maxLength: 8 }),
      decodeDhcp4o6Server,
      encodeDhcp4o6Server,
    ),
    roundTrip("border relay", anyAddress, decodeS46Br, encodeS46Br),
    roundTrip("relay source port", fc.nat(0xffff), decodeRelayPort, encodeRelayPort),
    roundTrip("bind prefix", anyPrefix, decodeS46BindPrefix, encodeS46BindPrefix),
    roundTrip("softwire container", anyContainer, decodeS46ContLw, encodeS46ContLw),
  ])("%s", (_, check) => {
    check();
  });
});
