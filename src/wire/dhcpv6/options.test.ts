import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../../test/support/octets.ts";
import { optionsPerMessageMax } from "../../limits.ts";
import { decodeOptions6, findOption6, optionsOctets, takeOption6, writeOptions6 } from "./options.ts";
import type { Option6 } from "./options.ts";

const three = octets(
  "0012 0002 6130", // option 18 of 2 octets: "a0"
  "000e 0000", // option 14 without data
  "0012 0001 62", // option 18 again: "b"
);

describe("decodeOptions6()", () => {
  it("returns options in order as views, and does not join options of one code (RFC 8415 §21.1)", () => {
    const options = decodeOptions6(three);
    expect(options).toEqual([
      { code: 18, data: octets("6130") },
      { code: 14, data: octets("") },
      { code: 18, data: octets("62") },
    ]);
    expect(options.every(({ data }) => data.buffer === three.buffer)).toBe(true);
  });

  it("starts at the offset, and returns an empty list for no octets", () => {
    expect(decodeOptions6(three, 6)).toHaveLength(2);
    expect(decodeOptions6(three, three.length)).toEqual([]);
    expect(decodeOptions6(new Uint8Array(0))).toEqual([]);
  });

  it("reads codes and lengths above 2^15", () => {
    const data = new Uint8Array(65_535);
    const [option] = decodeOptions6(Uint8Array.of(0xff, 0xfe, 0xff, 0xff, ...data));
    expect([option!.code, option!.data.length]).toEqual([65_534, 65_535]);
  });

  it.each(["00", "0012", "001200", "0012 0001", "0012 0002 61", "000e 0000 00", "0012 ffff 61"])(
    "rejects %s: option-overrun",
    (hex) => {
      expect(reasonOf(() => decodeOptions6(octets(hex)))).toBe("option-overrun");
    },
  );

  it("accepts 64 options, and rejects 65: too-many-options", () => {
    const many = (count: number): Uint8Array => octets("000e0000".repeat(count));
    expect(decodeOptions6(many(optionsPerMessageMax))).toHaveLength(64);
    expect(reasonOf(() => decodeOptions6(many(optionsPerMessageMax + 1)))).toBe("too-many-options");
  });

  it("reverses writeOptions6()", () => {
    const option = fc.record({ code: fc.nat(0xffff), data: fc.uint8Array({ maxLength: 300 }) });
    fc.assert(
      fc.property(fc.array(option, { maxLength: 64 }), fc.nat(40), (options, offset) => {
        const message = new Uint8Array(offset + optionsOctets(options));
        expect(writeOptions6(message, offset, options)).toBe(message.length);
        expect(decodeOptions6(message, offset)).toEqual(options);
      }),
    );
  });
});

describe("writeOptions6()", () => {
  it("rejects an option of 65536 octets", () => {
    const options: Option6[] = [{ code: 18, data: new Uint8Array(65_536) }];
    expect(() => writeOptions6(new Uint8Array(optionsOctets(options)), 0, options)).toThrow(RangeError);
  });
});

describe("findOption6() and takeOption6()", () => {
  const options = decodeOptions6(three);
  const reasons = { absent: "no-relay-message", duplicate: "duplicate-relay-message" } as const;

  it("find the first option with a code", () => {
    expect(findOption6(options, 18)).toEqual(octets("6130"));
    expect(findOption6(options, 9)).toBeUndefined();
  });

  it("separate the option with a code from the others", () => {
    expect(takeOption6(options, 14, reasons)).toEqual({
      data: new Uint8Array(0),
      rest: [options[0], options[2]],
    });
  });

  it("reject an absent and a repeated option with the given reasons", () => {
    expect(reasonOf(() => takeOption6(options, 9, reasons))).toBe("no-relay-message");
    expect(reasonOf(() => takeOption6(options, 18, reasons))).toBe("duplicate-relay-message");
  });
});
