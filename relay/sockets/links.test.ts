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

/** Links of interfaces that the test changes. */
function stage(interfaces: Interfaces) {
  const state = { interfaces };
  return { state, links: new Links(() => state.interfaces) };
}

test.each([
  ["global", ["fe80::1", "2001:db8::1"], "2001:db8::1"],
  ["global before unique local", ["fd00::1", "2001:db8::1"], "2001:db8::1"],
  ["unique local", ["fe80::1", "fd00::1"], "fd00::1"],
  ["no link-local", ["fe80::1"], "::"],
  ["no loopback", ["::1"], "::"],
])("R8415-19.1.1-01 linkAddressOf() takes a %s address", (_kind, texts, expected) => {
  const { links } = stage({ eth0: [ipv4, ...texts.map((text) => address(text))] });
  expect(formatIPv6(links.linkAddressOf("eth0"))).toBe(expected);
});

test("linkAddressOf() knows nothing of an interface that is not there, or has no IPv6", () => {
  const { links } = stage({ eth0: [ipv4] });
  expect([links.linkAddressOf("eth0"), links.linkAddressOf("eth1")]).toEqual([
    new Uint8Array(16),
    new Uint8Array(16),
  ]);
  expect(links.has("eth0")).toBe(false);
});

test("refresh() follows a change of address, and keeps to an address that is still there", () => {
  const { state, links } = stage({ eth0: [address("2001:db8::1"), address("fe80::1", 3)] });
  state.interfaces = { eth0: [address("2001:db8::2"), address("2001:db8::1"), address("fe80::1", 3)] };
  expect(links.refresh()).toEqual(nothing);
  expect(formatIPv6(links.linkAddressOf("eth0"))).toBe("2001:db8::1");
  state.interfaces = { eth0: [address("2001:db8::2"), address("fe80::1", 3)] };
  expect(links.refresh()).toEqual({ ...nothing, renumbered: ["eth0"] });
  expect(formatIPv6(links.linkAddressOf("eth0"))).toBe("2001:db8::2");
});

test("refresh() tells of an interface that has come back, and of another one with its name", () => {
  const { state, links } = stage({ eth0: [address("fe80::1", 3)], eth1: [address("fe80::2", 4)] });
  state.interfaces = { eth1: [address("fe80::2", 4)] };
  expect(links.refresh()).toEqual({ ...nothing, gone: ["eth0"] });
  expect(links.has("eth0")).toBe(false);
  state.interfaces = { eth0: [address("fe80::1", 3)], eth1: [address("fe80::2", 5)] };
  expect(links.refresh()).toEqual({ ...nothing, returned: ["eth0", "eth1"] });
  expect(links.refresh()).toEqual(nothing);
});
