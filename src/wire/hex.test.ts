import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex, equalOctets } from "./hex.ts";

describe("encodeHex()", () => {
  it("writes two lower-case digits for each octet", () => {
    expect(encodeHex(Uint8Array.of(0x00, 0x0f, 0xa0, 0xff))).toBe("000fa0ff");
    expect(encodeHex(new Uint8Array(0))).toBe("");
  });

  it.each([4095, 4096, 4097, 65_535])(
    "writes %i octets, around and above the limit of one call of fromCharCode",
    (length) => {
      const octets = Uint8Array.from({ length }, (_, index) => index * 7);
      expect(encodeHex(octets)).toBe(Buffer.from(octets).toString("hex"));
    },
  );
});

describe("decodeHex()", () => {
  it("reads digits of either case", () => {
    expect(decodeHex("00Af")).toEqual(Uint8Array.of(0x00, 0xaf));
  });

  it.each(["0", "0g", " 00", "00 ", "0x00", "-1", "00\n"])("rejects %j", (text) => {
    expect(() => decodeHex(text)).toThrow(SyntaxError);
  });

  it("reverses encodeHex()", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        expect(decodeHex(encodeHex(octets))).toEqual(octets);
      }),
    );
  });
});

describe("equalOctets()", () => {
  it("returns whether lengths and octets are equal", () => {
    expect(equalOctets(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(equalOctets(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(equalOctets(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false);
    expect(equalOctets(new Uint8Array(0), new Uint8Array(0))).toBe(true);
  });
});
