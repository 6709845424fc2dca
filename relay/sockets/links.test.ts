import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { formatIPv6 } from "../../src/wire/ipv6-address.ts";
import { Links } from "./links.ts";

type Interfaces = Record<string, NetworkInterfaceInfo[]>;

function address(text: string, scopeid = 0): NetworkInterfaceInfo {
  const common = { netmask: "ffff:ffff:ffff:ffff::", mac: "02:00:00:00:00:01", internal: false };
  return { ...common, family: "IPv6", address: text, cidr: `${text}/64`, scopeid };
}

const ipv4: NetworkInterfaceInfo = {
  address: "192.0.2.1",
  netmask: "255.255.255.0",
  family: "IPv4",
  mac: "02:00:00:00:00:01",
  internal: false,
  cidr: "192.0.2.1/24",
};

const nothing = { gone: [], returned: [], renumbered: [] };

/** Creates links over interfaces that the test can change. */
function stage(interfaces: Interfaces) {
  const state = { interfaces };
  return { state, links: new Links(() => state.interfaces) };
}

test.each([
  ["a global address", ["fe80::1", "2001:db8::1"], "2001:db8::1"],
  ["a global address rather than a unique local one", ["fd00::1", "2001:db8::1"], "2001:db8::1"],
  ["a unique local address", ["fe80::1", "fd00::1"], "fd00::1"],
  [":: rather than a link-local address", ["fe80::1"], "::"],
  [":: rather than a loopback address", ["::1"], "::"],
])("R8415-19.1.1-01 linkAddressOf() chooses %s", (_kind, texts, expected) => {
  const { links } = stage({ eth0: [ipv4, ...texts.map((text) => address(text))] });
  expect(formatIPv6(links.linkAddressOf("eth0"))).toBe(expected);
});

test("linkAddressOf() returns :: for a missing interface and for one without IPv6", () => {
  const { links } = stage({ eth0: [ipv4] });
  expect([links.linkAddressOf("eth0"), links.linkAddressOf("eth1")]).toEqual([
    new Uint8Array(16),
    new Uint8Array(16),
  ]);
  expect(links.has("eth0")).toBe(false);
});

test("refresh() keeps the link-address while the link has it, and then takes another", () => {
  const { state, links } = stage({ eth0: [address("2001:db8::1"), address("fe80::1", 3)] });
  state.interfaces = { eth0: [address("2001:db8::2"), address("2001:db8::1"), address("fe80::1", 3)] };
  expect(links.refresh()).toEqual(nothing);
  expect(formatIPv6(links.linkAddressOf("eth0"))).toBe("2001:db8::1");
  state.interfaces = { eth0: [address("2001:db8::2"), address("fe80::1", 3)] };
  expect(links.refresh()).toEqual({ ...nothing, renumbered: ["eth0"] });
  expect(formatIPv6(links.linkAddressOf("eth0"))).toBe("2001:db8::2");
});

test("refresh() reports an interface that is back, and one that was replaced under the same name", () => {
  const { state, links } = stage({ eth0: [address("fe80::1", 3)], eth1: [address("fe80::2", 4)] });
  state.interfaces = { eth1: [address("fe80::2", 4)] };
  expect(links.refresh()).toEqual({ ...nothing, gone: ["eth0"] });
  expect(links.has("eth0")).toBe(false);
  state.interfaces = { eth0: [address("fe80::1", 3)], eth1: [address("fe80::2", 5)] };
  expect(links.refresh()).toEqual({ ...nothing, returned: ["eth0", "eth1"] });
  expect(links.refresh()).toEqual(nothing);
});
