import { describe, expect, test } from "vitest";
import vectors from "../../test/vectors/vectors.json" with { type: "json" };
import { decodeHex, encodeHex } from "../wire/hex.ts";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { parseIPv6 } from "../wire/ipv6-address.ts";
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
} from "./query.ts";
import type { ClientProfile } from "./query.ts";

const packets = new Map(vectors.packets.map(({ name, hex }) => [name, hex]));

const client1: ClientProfile = {
  clientIdentifier: decodeHex(vectors.constants.client1_clientid),
  hardwareAddress: decodeHex("02005e100001"),
  parameterRequestList: parameterRequestList({ sharesPorts: true }),
  optionRequest: [],
  leaseSeconds: undefined,
};
const client2: ClientProfile = {
  ...client1,
  clientIdentifier: decodeHex(vectors.constants.client2_clientid),
  hardwareAddress: decodeHex("02005e100002"),
};
const fullOnly = parameterRequestList({ sharesPorts: false });

const address = parseIPv4("192.0.2.18");
const serverIdentifier = parseIPv4("198.51.100.1");
const lw4o6 = { psidOffset: 0, psidLength: 6, psid: 18 };
const pair = { address, portParams: lw4o6, serverIdentifier };
const softwire = parseIPv6("2001:db8:1234:5600:0:c000:212:12");

/** A rule, the name of the packet that shows it, and the octets that the encoder produced for that packet. */
const golden: [string, string, Uint8Array][] = [
  ["R7618-6-01", "discover-shared-nohint", encodeDiscover(client1, { xid: 0x4f0a0001, hint: {} })],
  [
    "R7618-7-03",
    "discover-shared-hint-psidlen",
    encodeDiscover(client1, { xid: 0x4f0a0001, hint: { portParams: { ...lw4o6, psid: 0 } } }),
  ],
  [
    "R7618-7-02",
    "discover-shared-hint-addr-psid",
    encodeDiscover(client1, { xid: 0x4f0a0001, hint: { address, portParams: lw4o6 } }),
  ],
  [
    "R7618-9-04",
    "discover-shared-map",
    encodeDiscover(client2, {
      xid: 0x4f0a0002,
      hint: { address, portParams: { psidOffset: 6, psidLength: 8, psid: 0x34 } },
    }),
  ],
  [
    "R7618-5-03",
    "discover-full",
    encodeDiscover({ ...client2, parameterRequestList: fullOnly }, { xid: 0x4f0a0002, hint: {} }),
  ],
  [
    "R7618-8-01",
    "discover-opt159-without-prl",
    encodeDiscover(
      { ...client2, parameterRequestList: fullOnly },
      { xid: 0x4f0a0002, hint: { portParams: lw4o6 } },
    ),
  ],
  [
    "RFC 8539 §5",
    "discover-softwire-oro",
    encodeDiscover({ ...client1, optionRequest: softwireOptionRequest }, { xid: 0x4f0a0001, hint: {} }),
  ],
  [
    "R7618-6-06",
    "request-selecting",
    encodeSelecting(client1, pair, { xid: 0x4f0a0001, softwire: undefined }),
  ],
  ["R8539-7.2-01", "request-selecting-saddr", encodeSelecting(client1, pair, { xid: 0x4f0a0001, softwire })],
  [
    "R7618-6-12",
    "request-init-reboot",
    encodeInitReboot(client1, pair, { xid: 0x4f0a0003, softwire: undefined }),
  ],
  ["R7341-8-01", "request-renewing", encodeRenewing(client1, pair, { xid: 0x4f0a0004, softwire: undefined })],
  [
    "R7341-8-01",
    "request-rebinding",
    encodeRebinding(client1, pair, { xid: 0x4f0a0005, softwire: undefined }),
  ],
  ["R7618-6-10", "release-shared", encodeRelease(client1, pair, { xid: 0x4f0a0006 })],
  [
    "R7618-8-08",
    "release-shared-wrong-psid",
    encodeRelease(client1, { ...pair, portParams: { ...lw4o6, psid: 19 } }, { xid: 0x4f0a0007 }),
  ],
  ["RFC 2131 table 5", "decline-shared", encodeDecline(client1, pair, { xid: 0x4f0a0008 })],
  [
    "R7341-8-01",
    "inform",
    encodeInform(
      { ...client1, parameterRequestList: [6, 159] },
      { xid: 0x4f0a0009, address, knowsServer: true },
    ),
  ],
];

test.each(golden)("%s the encoders produce %s, octet for octet", (_rule, name, octets) => {
  expect(encodeHex(octets)).toBe(packets.get(name));
});

describe("cases that the packets do not cover", () => {
  /** Option codes of the inner message, in order. It starts after 4 octets of header and 4 octets of option 87. */
  function codesOf(query: Uint8Array): number[] {
    const codes: number[] = [];
    for (let at = 8 + 240; query[at] !== 255; at += 2 + query[at + 1]!) codes.push(query[at]!);
    return codes;
  }

  const withLeaseTime: ClientProfile = { ...client1, leaseSeconds: 600 };
  const parts = { xid: 1, softwire: undefined };

  test("RFC 2131 table 5: only DISCOVER and REQUEST contain option 51", () => {
    expect(codesOf(encodeDiscover(withLeaseTime, { xid: 1, hint: {} }))).toContain(51);
    expect(codesOf(encodeRenewing(withLeaseTime, pair, parts))).toContain(51);
    expect(codesOf(encodeRelease(withLeaseTime, pair, parts))).not.toContain(51);
    expect(codesOf(encodeDecline(withLeaseTime, pair, parts))).not.toContain(51);
    expect(codesOf(encodeInform(withLeaseTime, { xid: 1, address, knowsServer: false }))).not.toContain(51);
  });

  test("R7618-7-04 messages about a full address omit option 159", () => {
    const full = { ...pair, portParams: undefined };
    expect(codesOf(encodeRelease(client1, full, { xid: 1 }))).toEqual([53, 54, 61]);
    expect(codesOf(encodeRenewing(client1, full, parts))).not.toContain(159);
  });

  test("R7341-8-01 an INFORM from a client that knows no server has U = 0", () => {
    expect(encodeInform(client1, { xid: 1, address, knowsServer: false })[1]).toBe(0);
    expect(encodeInform(client1, { xid: 1, address, knowsServer: true })[1]).toBe(0x80);
  });

  test("RFC 2131 table 5: only messages that request parameters carry the option request", () => {
    const learning = { ...client1, optionRequest: softwireOptionRequest };
    expect([...encodeRenewing(learning, pair, parts).subarray(4, 12)]).toEqual([0, 6, 0, 4, 0, 90, 0, 137]);
    expect(encodeHex(encodeRelease(learning, pair, { xid: 0x4f0a0006 }))).toBe(packets.get("release-shared"));
  });

  test("R4039-3.1-02 a DISCOVER has option 80 only if the caller wants it", () => {
    const asking = encodeDiscover(client1, { xid: 1, hint: {}, rapidCommit: true });
    expect(codesOf(asking)).toEqual([53, 61, 80, 55]);
    expect(asking[asking.indexOf(80, 8 + 240) + 1]).toBe(0);
    expect(codesOf(encodeDiscover(client1, { xid: 1, hint: {}, rapidCommit: false }))).not.toContain(80);
  });

  test("a client without a hardware address sends htype and hlen 0", () => {
    const query = encodeDiscover(
      { ...client1, hardwareAddress: new Uint8Array(0) },
      { xid: 0x4f0a0001, hint: {} },
    );
    expect(encodeHex(query)).toBe(packets.get("odd-no-chaddr"));
  });
});
