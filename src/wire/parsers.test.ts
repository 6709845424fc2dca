/** One parser for each thing that is written as text: what it reads, and what it refuses on purpose. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDate, parseDate, parseDateMs } from "./date.ts";
import { formatIPv4, formatIPv4Prefix, parseIPv4, parseIPv4Prefix } from "./ipv4-address.ts";
import {
  formatIPv6,
  formatIPv6Prefix,
  ipv6Octets,
  isLoopback,
  isMapped,
  maskIPv6,
  parseIPv6,
  parseIPv6Prefix,
} from "./ipv6-address.ts";
import { parseDecimalNumber, parseWholeNumber } from "./number.ts";

/** Spaces, signs, other bases, digits that are not ASCII, and a byte order mark: no parser reads these around a thing. */
const disguises = (text: string): string[] => [
  ` ${text}`,
  `${text} `,
  `${text}\n`,
  `+${text}`,
  `\ufeff${text}`,
  text.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
];

describe("E1 parseDate()", () => {
  test.each([
    ["2026-11-24T13:57:37Z", "2026-11-24T13:57:37Z"],
    ["2026-11-24t13:57:37z", "2026-11-24T13:57:37Z"],
    ["2026-11-24T13:57:37.999999999Z", "2026-11-24T13:57:37Z"],
    ["2026-11-24T13:57:37.5+01:00", "2026-11-24T12:57:37Z"],
    ["2026-11-24T13:57:37-00:00", "2026-11-24T13:57:37Z"],
    ["2024-02-29T23:59:59+23:59", "2024-02-29T00:00:59Z"],
    ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"],
    ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"],
    ["9999-12-31T23:59:59.9Z", "9999-12-31T23:59:59Z"],
  ])("reads %s, and it is shown as %s", (text, shown) => {
    expect(formatDate(parseDate(text))).toBe(shown);
  });

  test.each<[string, string]>([
    ["the 30th of February", "2026-02-30T00:00:00Z"],
    ["the 29th of February of another year", "2026-02-29T00:00:00Z"],
    ["the 29th of February of 2100", "2100-02-29T00:00:00Z"],
    ["the 31st of April", "2026-04-31T00:00:00Z"],
    ["day 0", "2026-01-00T00:00:00Z"],
    ["month 0", "2026-00-01T00:00:00Z"],
    ["month 13", "2026-13-01T00:00:00Z"],
    ["24:00", "2026-01-01T24:00:00Z"],
    ["minute 60", "2026-01-01T00:60:00Z"],
    ["a leap second", "2016-12-31T23:59:60Z"],
    ["an offset of 99 hours", "2026-01-01T00:00:00+99:00"],
    ["an offset of 24 hours", "2026-01-01T00:00:00-24:00"],
    ["an offset of 60 minutes", "2026-01-01T00:00:00+01:60"],
    ["an offset without a colon", "2026-01-01T00:00:00+0100"],
    ["no zone", "2026-01-01T00:00:00"],
    ["no time", "2026-01-01"],
    ["no seconds", "2026-01-01T00:00Z"],
    ["a space for T", "2026-01-01 00:00:00Z"],
    ["a comma", "2026-01-01T00:00:00,5Z"],
    ["year 0", "0000-01-01T00:00:00Z"],
    ["1969", "1969-12-31T23:59:59Z"],
    ["before 1970 in UTC", "1970-01-01T00:00:00+00:01"],
    ["after 9999 in UTC", "9999-12-31T23:59:59-00:01"],
    ["year 10000", "10000-01-01T00:00:00Z"],
    ["a year with a sign", "+2026-01-01T00:00:00Z"],
    ["Unix seconds", "1767225600"],
    ["words", "tomorrow"],
    ["nothing", ""],
    ...disguises("2026-01-01T00:00:00Z").map((text): [string, string] => ["a disguise", text]),
  ])("refuses %s: %s", (_, text) => {
    expect(() => parseDate(text)).toThrow(/Cannot parse date: found .*, expected a date such as/s);
    expect(() => parseDateMs(text)).toThrow(SyntaxError);
  });

  test("reads what formatDate() writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        expect(parseDate(formatDate(seconds))).toBe(seconds);
      }),
    );
  });

  test("reads one instant alike in every zone", () => {
    const zone = fc.integer({ min: -1439, max: 1439 });
    fc.assert(
      fc.property(fc.integer({ min: 90_000, max: 253_402_200_000 }), zone, (seconds, minutes) => {
        const local = formatDate(seconds + minutes * 60).slice(0, -1);
        const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
        const pad = (value: number) => String(value).padStart(2, "0");
        expect(parseDate(`${local}${minutes < 0 ? "-" : "+"}${pad(hours)}:${pad(rest)}`)).toBe(seconds);
      }),
    );
  });
});

describe("parseWholeNumber()", () => {
  const bad = [
    "",
    "-",
    "07",
    "00",
    "-0",
    "1.0",
    "1e3",
    "0x10",
    "0b1",
    "0o7",
    "1_000",
    "1,000",
    "Infinity",
    "NaN",
    "²",
  ];
  test.each([...bad, ...disguises("7"), "--7", "9".repeat(17), "1001", "-6"])("refuses %j", (text) => {
    expect(() => parseWholeNumber(text, -5, 1000, "items")).toThrow(/found .*, expected -5 to 1000 items/s);
  });

  test("reads what String() writes", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (number) => {
        const [min, max] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
        expect(parseWholeNumber(String(number), min, max)).toBe(number);
        expect(() => parseWholeNumber(String(number), number + 1, max)).toThrow(SyntaxError);
      }),
    );
  });

  test("parseDecimalNumber() reads decimals, and refuses other forms", () => {
    expect(["0", "0.5", "10.25"].map((text) => parseDecimalNumber(text, 0, 11))).toEqual([0, 0.5, 10.25]);
    for (const text of ["", ".5", "5.", "-1", "1e1", "00.5", "11.1", "0x1", "1,5", ...disguises("7")]) {
      expect(() => parseDecimalNumber(text, 0, 11), text).toThrow(/expected a number from 0 to 11/);
    }
  });
});

describe("parseIPv4()", () => {
  test.each([
    ...[
      "192.0.2.010",
      "192.0.2.256",
      "192.0.2",
      "192.0.2.1.1",
      "192.0.2.",
      ".192.0.2",
      "3221225985",
      "0xc0000201",
    ],
    ...["192.0.2.-1", "192.0.2.1e1", "192.0.2.1/32", "::192.0.2.1", "192.0.2.1%eth0", ""],
    ...disguises("192.0.2.1"),
  ])("refuses %j", (text) => {
    expect(() => parseIPv4(text)).toThrow(
      /Cannot parse IPv4 address: found .*, expected the form 192.0.2.1/s,
    );
  });

  test("reads what formatIPv4() and formatIPv4Prefix() write", () => {
    const address = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 32 }), (value, length) => {
        expect(parseIPv4(formatIPv4(value))).toBe(value);
        const prefix = { address: value - (value % 2 ** (32 - length)), length };
        expect(parseIPv4Prefix(formatIPv4Prefix(prefix))).toEqual(prefix);
      }),
    );
  });

  test.each([
    "192.0.2.1/24",
    "192.0.2.0",
    "192.0.2.0/",
    "192.0.2.0/33",
    "192.0.2.0/-1",
    "192.0.2.0/+8",
    "192.0.2.0/8/8",
  ])("parseIPv4Prefix() refuses %s", (text) => {
    expect(() => parseIPv4Prefix(text)).toThrow(/Cannot parse IPv4 prefix: .*expected/);
  });
});

describe("E11 parseIPv6()", () => {
  test.each([
    ["2001:DB8:1:0::/48", "2001:db8:1::/48"],
    ["2001:0db8:0001:0000:0000:0000:0000:0000/048", "2001:db8:1::/48"],
    ["64:ff9b::192.0.2.0/120", "64:ff9b::c000:200/120"],
    ["0:0:0:0:0:0:0:0/0", "::/0"],
  ])("reads the prefix %s like %s", (text, canonical) => {
    expect(parseIPv6Prefix(text)).toEqual(parseIPv6Prefix(canonical));
    expect(formatIPv6Prefix(parseIPv6Prefix(text))).toBe(canonical);
  });

  test.each([
    ...[
      "fe80::1%eth0",
      "2001:db8::1%",
      "2001:db8",
      "2001:db8:::1",
      "2001::db8::1",
      "1:2:3:4:5:6:7:8:9",
      ":1",
      "12345::",
    ],
    ...[
      "::192.0.2.010",
      "::192.0.2.256",
      "192.0.2.1",
      "[::1]",
      "::1/128",
      "",
      ":",
      "1:2:3:4:5:6:7::8::",
      "0x1::",
    ],
    ...disguises("2001:db8::1"),
  ])("refuses %j", (text) => {
    expect(() => parseIPv6(text)).toThrow(
      /Cannot parse IPv6 address: found .*, expected the form 2001:db8::1/s,
    );
  });

  test.each([
    ...["2001:db8::1/32", "2001:db8::", "2001:db8::/", "2001:db8::/129", "2001:db8::/-1", "2001:db8::/+32"],
    ...["2001:db8::/0x20", "2001:db8::/32/32", "fe80::%eth0/64", "2001:db8::/3２"],
  ])("parseIPv6Prefix() refuses %s", (text) => {
    expect(() => parseIPv6Prefix(text)).toThrow(/Cannot parse IPv6 (prefix|address): .*expected/);
  });

  const address = fc.uint8Array({ minLength: ipv6Octets, maxLength: ipv6Octets });
  test("reads what formatIPv6() and formatIPv6Prefix() write, in upper case and in full too", () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 128 }), (octets, length) => {
        const groups = Array.from({ length: 8 }, (_, at) =>
          (octets[at * 2]! * 256 + octets[at * 2 + 1]!).toString(16),
        );
        const full = groups.map((group) => group.padStart(4, "0")).join(":");
        for (const text of [formatIPv6(octets), formatIPv6(octets).toUpperCase(), full]) {
          expect(parseIPv6(text)).toEqual(octets);
        }
        const prefix = { address: maskIPv6(octets, length), length };
        expect(parseIPv6Prefix(formatIPv6Prefix(prefix))).toEqual(prefix);
      }),
    );
  });

  test("isMapped() and isLoopback() know their addresses only", () => {
    expect(
      ["::ffff:192.0.2.1", "::192.0.2.1", "::fffe:192.0.2.1", "1::ffff:0:0"].map(parseIPv6).map(isMapped),
    ).toEqual([true, false, false, false]);
    expect(["::1", "::", "::2", "1::1"].map(parseIPv6).map(isLoopback)).toEqual([true, false, false, false]);
  });
});
