import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../../test/support/octets.ts";
import { encodeHex } from "../hex.ts";
import {
  decodeDhcpV4Query,
  decodeDhcpV4Response,
  encodeDhcpV4Query,
  encodeDhcpV4Response,
} from "./dhcpv4-query.ts";
import { decodeMessage6, encodeMessage6 } from "./message.ts";

const query = octets(
  "14", // type 20: DHCPV4-QUERY
  "800000", // flags: U
  "0006 0002 005a", // option 6: asks for option 90
  "0057 0003 010600", // option 87: a message cut short for the test
);
const response = octets(
  "15", // type 21: DHCPV4-RESPONSE
  "000000", // flags
  "0057 0001 02", // option 87
);

const anyOption = fc.record({
  code: fc.nat(0xffff).filter((code) => code !== 87),
  data: fc.uint8Array({ maxLength: 60 }),
});
const anyContent = fc.record({
  options: fc.array(anyOption, { maxLength: 10 }),
  dhcpv4: fc.uint8Array({ minLength: 1, maxLength: 400 }),
});

describe("decodeDhcpV4Query()", () => {
  it("separates the U flag, the options and the message (RFC 7341 §6)", () => {
    expect(decodeDhcpV4Query(query)).toEqual({
      unicast: true,
      options: [{ code: 6, data: octets("005a") }],
      dhcpv4: octets("010600"),
    });
  });

  it.each([
    ["000000", false],
    ["7fffff", false],
    ["800000", true],
    ["ffffff", true],
  ])(
    "reads U from flags %s as %s, and ignores the bits that must be zero (R7341-6.3-01)",
    (flags, unicast) => {
      expect(decodeDhcpV4Query(octets("14", flags, "0057 0001 01")).unicast).toBe(unicast);
    },
  );

  it.each([
    ["no octets", "", "message-truncated"],
    ["half a header", "14 00", "message-truncated"],
    ["a response", "15 000000 0057 0001 02", "unexpected-message-type"],
    ["a RELAY-FORW", "0c", "unexpected-message-type"],
    ["no option 87 (R7341-11-01)", "14 000000 0006 0002 005a", "no-dhcpv4-message"],
    ["an empty option 87", "14 000000 0057 0000", "no-dhcpv4-message"],
    ["two options 87 (R7341-6.2-01)", "14 000000 0057 0001 01 0057 0001 01", "duplicate-dhcpv4-message"],
    ["an option 87 that is cut short", "14 000000 0057 0002 01", "option-overrun"],
    ["an octet too many", "14 000000 0057 0001 01 00", "option-overrun"],
  ])("rejects %s", (_, hex, reason) => {
    expect(reasonOf(() => decodeDhcpV4Query(octets(hex)))).toBe(reason);
  });

  it("reverses encodeDhcpV4Query()", () => {
    fc.assert(
      fc.property(anyContent, fc.boolean(), (content, unicast) => {
        expect(decodeDhcpV4Query(encodeDhcpV4Query({ ...content, unicast }))).toEqual({
          ...content,
          unicast,
        });
      }),
    );
  });
});

describe("encodeDhcpV4Query()", () => {
  it("writes the U flag, the options, and option 87 last", () => {
    expect(encodeHex(encodeDhcpV4Query(decodeDhcpV4Query(query)))).toBe(encodeHex(query));
  });

  it("rejects a message that is too long for option 87", () => {
    const dhcpv4 = new Uint8Array(65_536);
    expect(() => encodeDhcpV4Query({ unicast: false, options: [], dhcpv4 })).toThrow(RangeError);
  });
});

describe("decodeDhcpV4Response()", () => {
  it.each(["000000", "800000", "ffffff"])("ignores flags %s (R7341-6.4-01)", (flags) => {
    expect(decodeDhcpV4Response(octets("15", flags, "0057 0001 02"))).toEqual({
      options: [],
      dhcpv4: octets("02"),
    });
  });

  it("rejects a query", () => {
    expect(reasonOf(() => decodeDhcpV4Response(query))).toBe("unexpected-message-type");
  });

  it("reverses encodeDhcpV4Response(), which sets no flags (R7341-6.4-01)", () => {
    fc.assert(
      fc.property(anyContent, (content) => {
        const encoded = encodeDhcpV4Response(content);
        expect(encodeHex(encoded.subarray(0, 4))).toBe("15000000");
        expect(decodeDhcpV4Response(encoded)).toEqual(content);
      }),
    );
  });
});

describe("encodeDhcpV4Response()", () => {
  it("writes all flags zero (R7341-6.4-01)", () => {
    expect(encodeHex(encodeDhcpV4Response(decodeDhcpV4Response(response)))).toBe(encodeHex(response));
  });
});

describe("decodeMessage6()", () => {
  it("reads type, transaction-id and options (RFC 8415 §8)", () => {
    const reply = octets(
      "07", // REPLY
      "abcdef", // transaction-id
      "0058 0000", // option 88 without addresses
    );
    expect(decodeMessage6(reply)).toEqual({
      type: 7,
      flags: 0xabcdef,
      options: [{ code: 88, data: new Uint8Array(0) }],
    });
  });

  it.each(["", "07", "07abcd"])("rejects %j: message-truncated", (hex) => {
    expect(reasonOf(() => decodeMessage6(octets(hex)))).toBe("message-truncated");
  });

  it("reverses encodeMessage6()", () => {
    const message = fc.record({
      type: fc.nat(255),
      flags: fc.nat(0xffffff),
      options: fc.array(anyOption, { maxLength: 10 }),
    });
    fc.assert(
      fc.property(message, (each) => {
        expect(decodeMessage6(encodeMessage6(each))).toEqual(each);
      }),
    );
  });
});
