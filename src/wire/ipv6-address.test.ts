import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets } from "../../test/support/octets.ts";
import {
  formatIPv6,
  formatIPv6Prefix,
  isLinkLocal,
  isMulticast,
  isUnspecified,
  maskIPv6,
  parseIPv6,
  parseIPv6Prefix,
  prefixContains,
} from "./ipv6-address.ts";

const anyAddress = fc.uint8Array({ minLength: 16, maxLength: 16 });
/** Groups that are mostly zero, so that zero runs of every length and position occur. */
const sparseAddress = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0xabcd), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));
const anyLength = fc.nat(128);

describe("formatIPv6() and parseIPv6()", () => {
  it.each([
    ["all zeros", "0000 0000 0000 0000 0000 0000 0000 0000", "::"],
    ["the loopback", "0000 0000 0000 0000 0000 0000 0000 0001", "::1"],
    ["zeros at the end", "2001 0db8 0000 0000 0000 0000 0000 0000", "2001:db8::"],
    [
      "no leading zeros (RFC 5952 §4.1)",
      "2001 0db8 000a 00b0 0c00 d000 0001 0010",
      "2001:db8:a:b0:c00:d000:1:10",
    ],
    ["as short as possible (§4.2.1)", "2001 0db8 0000 0000 0000 0000 0002 0001", "2001:db8::2:1"],
    ["one zero group in full (§4.2.2)", "2001 0db8 0000 0001 0001 0001 0001 0001", "2001:db8:0:1:1:1:1:1"],
    ["the longest run of zeros (§4.2.3)", "2001 0000 0000 0001 0000 0000 0000 0001", "2001:0:0:1::1"],
    ["the first of equal runs (§4.2.3)", "2001 0db8 0000 0000 0001 0000 0000 0001", "2001:db8::1:0:0:1"],
    [
      "lower case (§4.3)",
      "2001 0db8 aaaa bbbb cccc dddd eeee ffff",
      "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
    ],
    ["zeros at the start", "0000 0000 0003 0004 0005 0006 0007 0008", "::3:4:5:6:7:8"],
    ["one zero at the end", "0001 0002 0003 0004 0005 0006 0007 0000", "1:2:3:4:5:6:7:0"],
  ])("write and read %s", (_, hex, text) => {
    expect(formatIPv6(octets(hex))).toBe(text);
    expect(parseIPv6(text)).toEqual(octets(hex));
  });

  it.each([
    ["2001:DB8::A", "2001:db8::a"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["::ffff:192.0.2.18", "::ffff:c000:212"],
    ["64:ff9b::192.0.2.18", "64:ff9b::c000:212"],
    ["1:2:3:4:5:6:192.0.2.18", "1:2:3:4:5:6:c000:212"],
  ])("parseIPv6() also reads %s", (text, canonical) => {
    expect(formatIPv6(parseIPv6(text))).toBe(canonical);
  });

  it.each([
    "",
    ":",
    ":::",
    "1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    "1:2:3:4::5:6:7:8",
    "12345::",
    "g::",
    ":1::2",
    "1::2:",
    "::1 ",
    "::1\n",
    "fe80::1%eth0",
    "192.0.2.18",
    "192.0.2.18::",
    "1:192.0.2.18::1",
    "::192.0.2.256",
    "::192.0.2",
    "1:2:3:4:5:6:7:192.0.2.18",
    "2001:db8::/32",
  ])("parseIPv6() rejects %j", (text) => {
    expect(() => parseIPv6(text)).toThrow(SyntaxError);
  });

  it("parseIPv6() reverses formatIPv6()", () => {
    fc.assert(
      fc.property(fc.oneof(anyAddress, sparseAddress), (address) => {
        const text = formatIPv6(address);
        expect(parseIPv6(text)).toEqual(address);
        // The platform's URL parser is the second opinion on the shortest form.
        expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
      }),
    );
  });

  it("parseIPv6() throws nothing but SyntaxError, whatever the text", () => {
    const anyText = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcf:.:/%")), maxLength: 50 }),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        try {
          expect(parseIPv6(text)).toHaveLength(16);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }),
    );
  });
});

describe("kinds of addresses", () => {
  it("isUnspecified() recognizes ::", () => {
    expect(isUnspecified(parseIPv6("::"))).toBe(true);
    expect(isUnspecified(parseIPv6("::1"))).toBe(false);
    expect(isUnspecified(parseIPv6("8000::"))).toBe(false);
  });

  it.each([
    ["fe80::1", true],
    ["febf:ffff::1", true],
    ["fec0::1", false],
    ["fe7f::1", false],
    ["ff80::1", false],
  ])("isLinkLocal() of %s is %s", (text, expected) => {
    expect(isLinkLocal(parseIPv6(text))).toBe(expected);
  });

  it.each([
    ["ff02::1:2", true],
    ["ff05::1:3", true],
    ["feff::", false],
  ])("isMulticast() of %s is %s", (text, expected) => {
    expect(isMulticast(parseIPv6(text))).toBe(expected);
  });
});

describe("prefixes", () => {
  it.each(["::/0", "2001:db8::/32", "2001:db8:1234:5600::/56", "fe80::/10", "8000::/1", "2001:db8::1/128"])(
    "parseIPv6Prefix() and formatIPv6Prefix() read and write %s",
    (text) => {
      expect(formatIPv6Prefix(parseIPv6Prefix(text))).toBe(text);
    },
  );

  it.each(["2001:db8::", "2001:db8::/129", "2001:db8::/", "/32", "2001:db8/32", "2001:db8::/-1", "::/0/0"])(
    "parseIPv6Prefix() rejects %j",
    (text) => {
      expect(() => parseIPv6Prefix(text)).toThrow(SyntaxError);
    },
  );

  it("parseIPv6Prefix() rejects host bits, and names the prefix without them", () => {
    expect(() => parseIPv6Prefix("2001:db8::1/64")).toThrow(RangeError);
    expect(() => parseIPv6Prefix("2001:db8::1/64")).toThrow("2001:db8::/64");
  });

  it.each([
    ["::/0", "ffff::", true],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["2001:db8:1234:5600::/57", "2001:db8:1234:567f::", true],
    ["2001:db8:1234:5600::/57", "2001:db8:1234:5680::", false],
    ["2001:db8::1/128", "2001:db8::1", true],
    ["2001:db8::1/128", "2001:db8::", false],
  ])("prefixContains() of %s and %s is %s", (prefix, address, expected) => {
    expect(prefixContains(parseIPv6Prefix(prefix), parseIPv6(address))).toBe(expected);
  });

  it("maskIPv6() keeps only the bits of the prefix", () => {
    fc.assert(
      fc.property(anyAddress, anyLength, (address, length) => {
        const bits = (octets: Uint8Array): string =>
          Array.from(octets, (octet) => octet.toString(2).padStart(8, "0")).join("");
        const masked = maskIPv6(address, length);
        expect(bits(masked)).toBe(bits(address).slice(0, length).padEnd(128, "0"));
      }),
    );
  });

  it("prefixContains() agrees with a comparison of the masked addresses", () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, anyLength, anyLength, (one, other, length, shared) => {
        // Two random addresses share hardly any bits, so the first bits of one are copied to the other.
        const near = maskIPv6(one, shared).map(
          (octet, index) => octet | (other[index]! & ~maskOctet(shared, index)),
        );
        const prefix = { address: maskIPv6(one, length), length };
        expect(prefixContains(prefix, near)).toBe(
          formatIPv6(maskIPv6(near, length)) === formatIPv6(prefix.address),
        );
        expect(parseIPv6Prefix(formatIPv6Prefix(prefix))).toEqual(prefix);
      }),
    );
  });
});

const allOnes = new Uint8Array(16).fill(255);
const maskOctet = (length: number, index: number): number => maskIPv6(allOnes, length)[index]!;
