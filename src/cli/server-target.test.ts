import { expect, test } from "vitest";
import { serverTargetOf } from "./server-target.ts";

const interfaces = ["lo", "eth1"];

test.each([
  [{ server: "2001:db8::1" }, { server: "2001:db8::1", interfaceName: undefined }],
  [{ server: "fe80::1%eth1" }, { server: "fe80::1", interfaceName: "eth1" }],
  [
    { server: "fe80::1", interface: "eth1" },
    { server: "fe80::1", interfaceName: "eth1" },
  ],
  [
    { server: "fe80::1%eth1", interface: "eth1" },
    { server: "fe80::1", interfaceName: "eth1" },
  ],
  [
    { server: "ff02::1:2", interface: "eth1" },
    { server: "ff02::1:2", interfaceName: "eth1" },
  ],
])("serverTargetOf() separates address and interface of %j", (flags, target) => {
  expect(serverTargetOf({ port: 547, ...flags }, interfaces)).toEqual({ port: 547, ...target });
});

const expected = "expected one that is up and has an address: lo, eth1";

test.each([
  [
    { server: "fe80::1" },
    "Cannot use --server fe80::1: found no --interface, and no %INTERFACE after the address, expected one for a multicast or link-local address: lo, eth1",
  ],
  [{ server: "fe80::1%none0" }, `Cannot use --server fe80::1%none0: found no such interface, ${expected}`],
  [
    { server: "::1", interface: "none0" },
    `Cannot use --interface none0: found no such interface, ${expected}`,
  ],
  [
    { server: "fe80::1%lo", interface: "eth1" },
    "Cannot use --interface eth1: found --server fe80::1%lo beside it, expected the same interface",
  ],
])("serverTargetOf() refuses %j", (flags, message) => {
  expect(() => serverTargetOf({ port: 547, ...flags }, interfaces)).toThrow(message);
});
