/** Which hardware addresses can tell one client from another. */
import { expect, test } from "vitest";
import { octets } from "../../../test/support/octets.ts";
import { isUsableHardwareAddress } from "./hardware-address.ts";

test.each<[string, number, string]>([
  ["an Ethernet address", 1, "02 00 5e 10 00 01"],
  ["an IEEE 802 address", 6, "00 00 5e 10 00 01"],
  ["an EUI-64", 27, "02 00 5e ff fe 10 00 01"],
  ["an address of a type with other bits", 7, "01"],
])("T25 isUsableHardwareAddress() takes %s", (_what, htype, address) => {
  expect(isUsableHardwareAddress(htype, octets(address))).toBe(true);
});

test.each<[string, number, string]>([
  ["zeros", 1, "00 00 00 00 00 00"],
  ["zeros of any type and length", 32, "00 00 00"],
  ["ones", 1, "ff ff ff ff ff ff"],
  ["ones of any type and length", 7, "ff"],
  ["a multicast address", 1, "01 00 5e 00 00 01"],
  ["another multicast address", 1, "33 33 00 00 00 01"],
  ["a multicast IEEE 802 address", 6, "01 80 c2 00 00 00"],
  ["a multicast EUI-64", 27, "03 00 5e ff fe 00 00 01"],
  ["no octets", 1, ""],
  ["a short Ethernet address", 1, "02 00 5e 10 00"],
  ["a long Ethernet address", 1, "02 00 5e 10 00 01 00"],
  ["type 0", 0, "02 00 5e 10 00 01"],
])("T25 isUsableHardwareAddress() refuses %s", (_what, htype, address) => {
  expect(isUsableHardwareAddress(htype, octets(address))).toBe(false);
});
