/** Which addresses can be the customer's end of a softwire. */
import { expect, test } from "vitest";
import { encodeHex } from "../wire/hex.ts";
import { parseIPv6, parseIPv6Prefix } from "../wire/ipv6-address.ts";
import { isForbiddenSoftwire } from "./softwire.ts";

const relays = ["2001:db8:ffff::1", "fd00::1"].map(parseIPv6);
const settings = {
  borderRelays: relays.slice(0, 1),
  knownBorderRelays: new Set(relays.map(encodeHex)),
  bindPrefix: parseIPv6Prefix("2001:db8:1234:5600::/56"),
  bindPrefixOnly: false,
};

test.each([
  "::",
  "::1",
  "::2",
  "::192.0.2.1",
  "::ffff:192.0.2.1",
  "::ffff:0.0.0.0",
  "::ffff:0:192.0.2.1",
  "ff02::1",
  "ff0e::1",
  "ffff::",
  "fe80::1",
  "febf::1",
  "fec0::1",
  "feff::1",
  "64:ff9b::192.0.2.1",
  "64:ff9b:1::1",
  "64:ff9b:1:ffff::1",
  "2002::1",
  "2002:c000:201::1",
  "2001::1",
  "2001:0:c000:201::1",
  "100::",
  "100::ffff",
  "2001:db8:ffff::1",
  "fd00::1",
])("T7 isForbiddenSoftwire() forbids %s", (address) => {
  expect(isForbiddenSoftwire(parseIPv6(address), settings)).toBe(true);
});

test.each([
  "2001:db8::1",
  "2001:db8:ffff::2",
  "fd00::2",
  "fc00::1",
  "::1:0:0:1",
  "64:ff9b:2::1",
  "64:ff9b:0:1::1",
  "2001:1::1",
  "2003::1",
  "100:0:0:1::1",
])("T7 isForbiddenSoftwire() allows %s", (address) => {
  expect(isForbiddenSoftwire(parseIPv6(address), settings)).toBe(false);
});

test.each([
  ["2001:db8:1234:5600::1", false],
  ["2001:db8:1234:56ff:ffff::1", false],
  ["2001:db8:1234:5700::1", true],
  ["fd00::2", true],
])("T7 where only bindPrefix is allowed, isForbiddenSoftwire() of %s is %s", (address, expected) => {
  expect(isForbiddenSoftwire(parseIPv6(address), { ...settings, bindPrefixOnly: true })).toBe(expected);
});
