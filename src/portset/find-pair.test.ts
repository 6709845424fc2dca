import { expect, test } from "vitest";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { findPair } from "./find-pair.ts";
import { createPoolGeometry } from "./pool-geometry.ts";

const pool = (name: string, address: string, psidLength: number) => ({
  name,
  geometry: createPoolGeometry({
    firstAddress: parseIPv4(address),
    lastAddress: parseIPv4(address) + 1,
    psidOffset: 0,
    psidLength,
    reservedPorts: psidLength === 0 ? [] : [{ first: 0, last: 1023 }],
    fill: "pack",
  }),
});

test.each([
  ["a PSID in a shared pool", "192.0.2.1", 1, ["shared", 3]],
  ["a PSID with a reserved port", "192.0.2.1", 0, undefined],
  ["a full address in a shared pool", "192.0.2.1", null, undefined],
  ["a full address in a full pool", "198.51.100.1", null, ["full", 1]],
  ["a PSID in a full pool", "198.51.100.1", 0, undefined],
  ["an address outside all pools", "203.0.113.1", null, undefined],
])("findPair() of %s", (_, address, psid, expected) => {
  const pools = [pool("shared", "192.0.2.0", 2), pool("full", "198.51.100.0", 0)];
  const found = findPair(pools, parseIPv4(address), psid);
  expect(found && [found.pool.name, found.number]).toEqual(expected);
});
