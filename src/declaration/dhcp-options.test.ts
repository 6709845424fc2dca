import * as v from "valibot";
import { expect, test } from "vitest";
import { encodeHex } from "../wire/hex.ts";
import { dhcpOptionsSchema, encodeDhcpOptions } from "./dhcp-options.ts";

test.each<[string, unknown, number, string]>([
  ["subnet-mask", "255.255.255.255", 1, "ffffffff"],
  ["time-offset", -3600, 2, "fffff1f0"],
  ["routers", ["192.0.2.1", "192.0.2.2"], 3, "c0000201c0000202"],
  ["dns-servers", ["192.0.2.53"], 6, "c0000235"],
  ["domain-name", "example.net", 15, "6578616d706c652e6e6574"],
  ["mtu", 1460, 26, "05b4"],
  ["ntp-servers", ["192.0.2.123"], 42, "c000027b"],
  ["v6-only-preferred", 1800, 108, "00000708"],
  ["captive-portal", "https://example.net/", 114, "68747470733a2f2f6578616d706c652e6e65742f"],
  // RFC 1035 §3.1: each label prefixed with its length, then the root label.
  ["domain-search", ["a.example", "b"], 119, "0161076578616d706c6500" + "016200"],
  // RFC 3442: prefix length, the significant octets of the prefix, router.
  [
    "classless-static-routes",
    [
      { destination: "10.17.0.0/16", router: "192.0.2.1" },
      { destination: "0.0.0.0/0", router: "192.0.2.2" },
    ],
    121,
    "100a11c0000201" + "00c0000202",
  ],
  ["other", [{ code: 224, hex: "0a0B" }], 224, "0a0b"],
])("encodeDhcpOptions() of %s", (name, value, code, hex) => {
  const options = v.parse(dhcpOptionsSchema, { [name]: value });
  expect([...encodeDhcpOptions(options)].map(([each, data]) => [each, encodeHex(data)])).toEqual([
    [code, hex],
  ]);
});

test.each<[string, unknown]>([
  ["dns-servers", []],
  ["dns-servers", ["192.0.2.256"]],
  ["dns-servers", "192.0.2.1"],
  ["mtu", 67],
  ["mtu", 1460.5],
  ["domain-name", "ä"],
  ["domain-name", ""],
  ["captive-portal", "example"],
  ["domain-search", ["-a"]],
  ["v6-only-preferred", -1],
  ["classless-static-routes", [{ destination: "10.17.0.1/16", router: "192.0.2.1" }]],
  ["other", [{ code: 6, hex: "c0000235" }]],
  ["other", [{ code: 51, hex: "00000001" }]],
  ["other", [{ code: 159, hex: "00064800" }]],
  ["other", [{ code: 0, hex: "" }]],
  ["other", [{ code: 224, hex: "0a0" }]],
  ["other", [{ code: 224, hex: "00".repeat(256) }]],
  ["router", ["192.0.2.1"]],
])("dhcpOptionsSchema rejects %s of %j", (name, value) => {
  expect(v.safeParse(dhcpOptionsSchema, { [name]: value }).success).toBe(false);
});
