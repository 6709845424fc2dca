import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatIPv4, parseIPv4, parseIPv4Prefix } from "./ipv4-address.ts";

const anyAddress = fc.nat(0xffffffff);

describe("parseIPv4()", () => {
  it.each([
    ["0.0.0.0", 0],
    ["192.0.2.18", 0xc0000212],
    ["255.255.255.255", 0xffffffff],
  ])("reads %s as an unsigned integer", (text, address) => {
    expect(parseIPv4(text)).toBe(address);
    expect(formatIPv4(address)).toBe(text);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.04",
    "1.2.3.4 ",
    "1.2.3.4\n",
    "a.b.c.d",
    "1..2.3",
  ])("rejects %j", (text) => {
    expect(() => parseIPv4(text)).toThrow(SyntaxError);
  });

  it("reverses formatIPv4()", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(parseIPv4(formatIPv4(address))).toBe(address);
      }),
    );
  });
});

describe("parseIPv4Prefix()", () => {
  it.each([
    ["0.0.0.0/0", 0, 0],
    ["192.0.2.0/24", 0xc0000200, 24],
    ["192.0.2.18/32", 0xc0000212, 32],
  ])("reads %s", (text, address, length) => {
    expect(parseIPv4Prefix(text)).toEqual({ address, length });
  });

  it.each(["192.0.2.0", "192.0.2.0/33", "192.0.2/24", "/24", "192.0.2.0/"])("rejects %j", (text) => {
    expect(() => parseIPv4Prefix(text)).toThrow(SyntaxError);
  });

  it("rejects host bits, and names the prefix without them", () => {
    expect(() => parseIPv4Prefix("192.0.2.18/24")).toThrow(RangeError);
    expect(() => parseIPv4Prefix("192.0.2.18/24")).toThrow("192.0.2.0/24");
  });
});
