import { describe, expect, test } from "vitest";
import { forwardedHopsMax, trustedProxiesMax } from "../limits.ts";
import { addressGroup, createClientAddress, parseTrustedProxies } from "./client-address.ts";

const proxies = parseTrustedProxies("10.0.0.0/8, 2001:db8:f::/48 192.0.2.9");
const clientAddress = createClientAddress(proxies);
const find = (peer: string, headers: Record<string, string>) =>
  clientAddress(peer, (name) => headers[name.toLowerCase()]);

describe("T13 createClientAddress()", () => {
  const xff = (text: string) => ({ "x-forwarded-for": text });
  const forwarded = (text: string) => ({ forwarded: text });
  test.each([
    ["no header", "10.0.0.1", {}, "10.0.0.1"],
    ["a client behind a proxy", "10.0.0.1", xff("198.51.100.1"), "198.51.100.1"],
    ["a client that is no proxy", "198.51.100.7", xff("198.51.100.1"), "198.51.100.7"],
    ["a proxy with an IPv4 address as IPv6", "::ffff:10.0.0.1", xff("198.51.100.1"), "198.51.100.1"],
    ["a proxy that is a single address", "192.0.2.9", xff("198.51.100.1"), "198.51.100.1"],
    ["a neighbour of a proxy", "192.0.2.8", xff("198.51.100.1"), "192.0.2.8"],
    ["addresses that the client claims", "10.0.0.1", xff("203.0.113.1, 198.51.100.1"), "198.51.100.1"],
    ["a claimed proxy", "10.0.0.1", xff("203.0.113.1, 10.1.1.1, 198.51.100.1"), "198.51.100.1"],
    ["two proxies", "10.0.0.1", xff("203.0.113.1, 198.51.100.1, 2001:db8:f::2"), "198.51.100.1"],
    ["proxies only", "10.0.0.1", xff("10.0.0.3, 10.0.0.2"), "10.0.0.3"],
    ["a port", "10.0.0.1", xff("198.51.100.1:4711"), "198.51.100.1"],
    ["IPv6", "10.0.0.1", xff("2001:db8::1"), "2001:db8::1"],
    ["IPv6 with a port", "10.0.0.1", xff("[2001:db8::1]:4711"), "2001:db8::1"],
    ["something that is no address", "10.0.0.1", xff("198.51.100.1, unknown"), "10.0.0.1"],
    ["no address before a proxy", "10.0.0.1", xff("198.51.100.1, _hidden, 10.0.0.2"), "10.0.0.2"],
    ["an empty header", "10.0.0.1", xff(""), "10.0.0.1"],
    ["Forwarded", "10.0.0.1", forwarded("for=198.51.100.1"), "198.51.100.1"],
    [
      "Forwarded with more",
      "10.0.0.1",
      forwarded('proto=https;For="198.51.100.1:80";by=10.0.0.1'),
      "198.51.100.1",
    ],
    ["Forwarded with IPv6", "10.0.0.1", forwarded('for="[2001:db8::1]:4711"'), "2001:db8::1"],
    [
      "Forwarded twice",
      "10.0.0.1",
      forwarded("for=203.0.113.1, for=198.51.100.1, for=10.0.0.2"),
      "198.51.100.1",
    ],
    ["Forwarded without for", "10.0.0.1", forwarded("for=198.51.100.1, proto=http"), "10.0.0.1"],
    ["Forwarded that hides", "10.0.0.1", forwarded("for=unknown"), "10.0.0.1"],
    [
      "a quotation that is open",
      "10.0.0.1",
      forwarded('for=203.0.113.1;x=", for="[2001:db8::1]"'),
      "2001:db8::1",
    ],
    ["a quotation in a host", "10.0.0.1", forwarded('for=198.51.100.1;host="a,for=203.0.113.1"'), "10.0.0.1"],
    [
      "both, which agree",
      "10.0.0.1",
      { ...xff("198.51.100.1"), ...forwarded("for=198.51.100.1") },
      "198.51.100.1",
    ],
    [
      "both, which do not",
      "10.0.0.1",
      { ...xff("198.51.100.1"), ...forwarded("for=203.0.113.1") },
      "10.0.0.1",
    ],
  ])("T13 %s", (_, peer, headers, expected) => {
    expect(addressGroup(find(peer, headers))).toBe(addressGroup(expected));
  });

  test("T13 follows a bounded number of proxies", () => {
    const chain = ["198.51.100.1", ...Array.from({ length: forwardedHopsMax }, () => "10.0.0.2")];
    expect(find("10.0.0.1", { "x-forwarded-for": chain.join(",") })).toBe("10.0.0.2");
    expect(find("10.0.0.1", { "x-forwarded-for": chain.slice(0, -1).join(",") })).toBe("198.51.100.1");
  });

  test("T13 believes no header by default", () => {
    const none = createClientAddress([]);
    expect(none("127.0.0.1", () => "198.51.100.1")).toBe("127.0.0.1");
    expect(none(undefined, () => "198.51.100.1")).toBeUndefined();
  });
});

test("parseTrustedProxies() rejects what is neither a prefix nor an address, and too many", () => {
  expect(parseTrustedProxies("")).toEqual([]);
  for (const text of [
    "proxy.example",
    "10.0.0.0/33",
    "10.0.0.1/8",
    "2001:db8::/129",
    "::/x",
    "/8",
    "10.0.0.0/",
  ]) {
    expect(() => parseTrustedProxies(text), text).toThrow(/Cannot (parse IPv|trust proxies: found)/);
  }
  const many = Array.from({ length: trustedProxiesMax + 1 }, (_, each) => `10.0.0.${each}`).join(" ");
  expect(() => parseTrustedProxies(many)).toThrow(/found 65 prefixes, expected at most 64/);
});
