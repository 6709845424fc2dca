import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../../test/support/octets.ts";
import { equalOctets } from "../hex.ts";
import { OptionCode } from "./codes.ts";
import { decodeDhcpV4, encodeDhcpV4, measureDhcpV4 } from "./message.ts";
import type { DhcpV4Message, DhcpV4Size, Overload } from "./message.ts";

/** A header whose fields all differ, so that a test notices when two are confused. */
const fixedFields = octets(
  "01", // op: BOOTREQUEST
  "06", // htype
  "07", // hlen
  "03", // hops
  "f0000001", // xid, above 2^31
  "1234", // secs
  "8001", // flags: broadcast, and a bit that must be zero
  "c0000201", // ciaddr 192.0.2.1
  "c0000202", // yiaddr 192.0.2.2
  "c0000203", // siaddr 192.0.2.3
  "c0000204", // giaddr 192.0.2.4
  "000102030405060708090a0b0c0d0e0f", // chaddr
);

const padded = (hex: string, length: number): string =>
  hex
    .replaceAll(" ", "")
    .padEnd(length * 2, "0")
    .slice(0, length * 2);

/** Builds a message from parts in hexadecimal. */
function message({
  sname = "",
  file = "",
  cookie = "63825363",
  options = "",
}: {
  readonly sname?: string;
  readonly file?: string;
  readonly cookie?: string;
  readonly options?: string;
}): Uint8Array {
  const rest = octets(padded(sname, 64), padded(file, 128), cookie, options);
  return Uint8Array.of(...fixedFields, ...rest);
}

/** Formats options as text, so that a comparison includes their order. */
const listOf = (decoded: DhcpV4Message): string =>
  [...decoded.options].map(([code, data]) => `${code}=${Buffer.from(data).toString("hex")}`).join(" ");

const decoded = decodeDhcpV4(message({}));
const withOptions = (
  options: readonly (readonly [number, Uint8Array])[],
  overload: Overload = 0,
): DhcpV4Message => ({ ...decoded, overload, options: new Map(options) });

describe("decodeDhcpV4()", () => {
  it("reads every header field from its offset (RFC 2131 §2)", () => {
    const { sname, file, ...fields } = decodeDhcpV4(message({ sname: "aa", file: "bb", options: "ff" }));
    expect(fields).toEqual({
      op: 1,
      htype: 6,
      hlen: 7,
      hops: 3,
      xid: 0xf0000001,
      secs: 0x1234,
      flags: 0x8001,
      ciaddr: 0xc0000201,
      yiaddr: 0xc0000202,
      siaddr: 0xc0000203,
      giaddr: 0xc0000204,
      chaddr: octets("000102030405060708090a0b0c0d0e0f"),
      overload: 0,
      options: new Map(),
    });
    expect(sname).toEqual(octets(padded("aa", 64)));
    expect(file).toEqual(octets(padded("bb", 128)));
  });

  it("returns views of the octets", () => {
    const input = message({ options: "350101 ff" });
    const { chaddr, sname, file, options } = decodeDhcpV4(input);
    for (const view of [chaddr, sname, file, options.get(53)!]) expect(view.buffer).toBe(input.buffer);
  });

  it.each([
    ["nothing", "", ""],
    ["nothing but END", "ff", ""],
    ["one option", "350101 ff", "53=01"],
    ["PAD before, between and after options", "00 00 350101 00 370106 00 ff 00 00", "53=01 55=06"],
    ["an option without data", "5000 ff", "80="],
    ["no END", "350101", "53=01"],
    ["octets after END, which are ignored", "350101 ff 3d", "53=01"],
    ["parts that are joined (RFC 3396 §5)", "3702 0106 350101 3701 9f ff", "55=01069f 53=01"],
    ["an empty part", "3700 3701 9f 3700 ff", "55=9f"],
    [
      "three parts, joined at the position of the first",
      "0101aa 0201bb 0101cc 0201dd 0101ee ff",
      "1=aaccee 2=bbdd",
    ],
  ])("reads options: %s", (_, options, list) => {
    expect(listOf(decodeDhcpV4(message({ options })))).toBe(list);
  });

  it.each([
    ["1: file", "340101", 1, "55=0106 60=f1", "zero file"],
    ["2: sname", "340102", 2, "55=0105 61=51", "zero sname"],
    ["3: options, then file, then sname (RFC 3396 §5)", "340103", 3, "55=010605 60=f1 61=51", "zero both"],
  ])("reads overloaded fields: %s", (_, overload, value, list) => {
    const result = decodeDhcpV4(
      message({
        file: "370106 3c01f1 ff", // option 55 continues, then option 60
        sname: "370105 3d0151 ff", // option 55 continues, then option 61
        options: `${overload} 370101 ff`,
      }),
    );
    expect(result.overload).toBe(value);
    expect(listOf(result)).toBe(list);
    expect(result.file.every((octet) => octet === 0)).toBe((value & 1) !== 0);
    expect(result.sname.every((octet) => octet === 0)).toBe((value & 2) !== 0);
  });

  it("accepts option 52 only in the options field, and ignores it in file", () => {
    const result = decodeDhcpV4(
      message({ file: "340103 ff", sname: "3d0151 ff", options: "340101 350101 ff" }),
    );
    expect([result.overload, listOf(result)]).toEqual([1, "53=01"]);
  });

  it.each([
    ["of value 4", "340104"],
    ["of value 0", "340100"],
    ["without data", "3400"],
    ["of two octets", "34020101"],
    ["twice", "340101 340101"],
  ])("treats option 52 %s as no overload", (_, option) => {
    const result = decodeDhcpV4(message({ file: "370106 ff", options: `${option} 350101 ff` }));
    expect([result.overload, listOf(result)]).toEqual([0, "53=01"]);
    expect(result.file[0]).toBe(0x37);
  });

  it.each([
    ["no octets", new Uint8Array(0), "dhcpv4-truncated"],
    ["239 octets", message({}).subarray(0, 239), "dhcpv4-truncated"],
    ["a wrong cookie", message({ cookie: "63825364", options: "ff" }), "dhcpv4-bad-cookie"],
    ["a code without length", message({ options: "35" }), "dhcpv4-option-overrun"],
    ["an option without its data", message({ options: "3501" }), "dhcpv4-option-overrun"],
    ["an option one octet too long", message({ options: "350101 3703 0106" }), "dhcpv4-option-overrun"],
    [
      "an option that extends beyond file",
      message({ file: `${"00".repeat(125)} 3702 01`, options: "340101 ff" }),
      "dhcpv4-option-overrun",
    ],
    [
      "an option that extends beyond sname",
      message({ sname: `${"00".repeat(63)} 37`, options: "340102 ff" }),
      "dhcpv4-option-overrun",
    ],
  ])("rejects %s", (_, input, reason) => {
    expect(reasonOf(() => decodeDhcpV4(input))).toBe(reason);
  });

  it("reads fields that are full to the last octet and have no END", () => {
    const file = `37 7e ${"06".repeat(126)}`;
    const sname = `3d 3e ${"51".repeat(62)}`;
    const result = decodeDhcpV4(message({ file, sname, options: "340103" }));
    expect([result.options.get(55)?.length, result.options.get(61)?.length]).toEqual([126, 62]);
  });

  it("joins thousands of parts of one option", () => {
    const parts = 16_000;
    const input = new Uint8Array(240 + 4 * parts);
    input.set(message({}));
    for (let at = 240; at < input.length; at += 4) input.set([43, 2, 1, 2], at);
    expect(decodeDhcpV4(input).options.get(43)).toEqual(
      Uint8Array.from({ length: 2 * parts }, (_, index) => 1 + (index % 2)),
    );
  });
});

describe("encodeDhcpV4()", () => {
  it("writes the header, the options in their order, END, and zeros up to 300 octets", () => {
    const result = encodeDhcpV4(
      withOptions([
        [53, octets("05")],
        [1, octets("ffffffff")],
        [80, octets("")],
      ]),
    );
    const expected = message({ options: "350105 0104ffffffff 5000 ff" });
    expect(result).toHaveLength(300);
    expect(result.subarray(0, expected.length)).toEqual(expected);
    expect(result.subarray(expected.length).every((octet) => octet === 0)).toBe(true);
  });

  it("pads to octetsMin and no further", () => {
    const options = [[53, octets("05")]] as const;
    expect(encodeDhcpV4(withOptions(options), { octetsMin: 0 })).toHaveLength(244);
    expect(encodeDhcpV4(withOptions(options), { octetsMin: 548 })).toHaveLength(548);
    expect(measureDhcpV4(new Map(options))).toBe(244);
  });

  it.each([
    [255, "55:255"],
    [256, "55:255 55:1"],
    [510, "55:255 55:255"],
    [511, "55:255 55:255 55:1"],
  ])("writes %i octets of one option as %s (RFC 3396)", (length, expected) => {
    const data = Uint8Array.from({ length }, (_, index) => index);
    const input = withOptions([[55, data]]);
    const result = encodeDhcpV4(input, { octetsMin: 0 });
    const parts: string[] = [];
    for (let at = 240; result[at] !== OptionCode.end; at += 2 + result[at + 1]!) {
      parts.push(`${result[at]!}:${result[at + 1]!}`);
    }
    expect(parts.join(" ")).toBe(expected);
    expect(result).toHaveLength(measureDhcpV4(input.options));
    expect(decodeDhcpV4(result).options.get(55)).toEqual(data);
  });

  it("rejects a message that is one octet too long", () => {
    const input = withOptions([[53, octets("05")]]);
    expect(encodeDhcpV4(input, { octetsMin: 0, octetsMax: 244 })).toHaveLength(244);
    expect(() => encodeDhcpV4(input, { octetsMin: 0, octetsMax: 243 })).toThrow(RangeError);
  });

  const hundred = new Uint8Array(100).fill(7);
  const fifty = new Uint8Array(50).fill(8);
  it.each<[string, Overload, DhcpV4Size, readonly [main: string, file: string, sname: string]]>([
    ["nothing to other fields when all options fit", 3, {}, ["34010343", "ff", "ff"]],
    ["options that do not fit to file", 1, { octetsMax: 348 }, ["34010143", "4432", "00"]],
    ["options that do not fit to sname", 2, { octetsMax: 348 }, ["34010243", "00", "4432"]],
    ["options that do not fit to file before sname", 3, { octetsMax: 348 }, ["34010343", "4432", "ff"]],
    [
      "the first option to file when the options field has no room for it",
      3,
      { octetsMax: 300 },
      ["340103ff", "4364", "4432"],
    ],
  ])("writes %s", (_, overload, size, starts) => {
    const input = withOptions(
      [
        [0x43, hundred],
        [0x44, fifty],
      ],
      overload,
    );
    const result = encodeDhcpV4(input, size);
    const [main, file, sname] = [result.subarray(240), result.subarray(108, 236), result.subarray(44, 108)];
    const begins = (field: Uint8Array, hex: string): boolean =>
      equalOctets(field.subarray(0, hex.length / 2), octets(hex));
    expect([begins(main, starts[0]), begins(file, starts[1]), begins(sname, starts[2])]).toEqual([
      true,
      true,
      true,
    ]);
    expect(result.length).toBeLessThanOrEqual(size.octetsMax ?? 65_535);
    const back = decodeDhcpV4(result);
    expect(back).toEqual(input);
    expect([...back.options.keys()]).toEqual([0x43, 0x44]);
  });

  it("keeps the text of a field that is not overloaded", () => {
    const input = { ...withOptions([[0x43, fifty]], 1), sname: octets(padded("61", 64)) };
    expect(decodeDhcpV4(encodeDhcpV4(input)).sname[0]).toBe(0x61);
  });

  it("fills a field up to the octet before its END, and rejects one octet more", () => {
    const fits = (length: number, overload: Overload): Uint8Array =>
      encodeDhcpV4(withOptions([[0x43, new Uint8Array(length).fill(1)]], overload), { octetsMax: 244 });
    expect(decodeDhcpV4(fits(125, 1)).options.get(0x43)).toHaveLength(125);
    expect(() => fits(126, 1)).toThrow(RangeError);
    expect(decodeDhcpV4(fits(61, 2)).options.get(0x43)).toHaveLength(61);
    expect(() => fits(62, 2)).toThrow(RangeError);
  });

  it("rejects an overloaded message that has no room for option 52", () => {
    const input = withOptions([[53, octets("05")]], 3);
    expect(listOf(decodeDhcpV4(encodeDhcpV4(input, { octetsMin: 0, octetsMax: 244 })))).toBe("53=05");
    for (const octetsMax of [243, 240, 100, 0]) {
      expect(() => encodeDhcpV4(input, { octetsMin: 0, octetsMax })).toThrow(RangeError);
    }
  });
});

describe("decodeDhcpV4() of an encoded message", () => {
  const exactly = (length: number): fc.Arbitrary<Uint8Array> =>
    fc.uint8Array({ minLength: length, maxLength: length });
  const code = fc.integer({ min: 1, max: 254 }).filter((each) => each !== OptionCode.overload);
  const anyOptions = fc
    .uniqueArray(fc.tuple(code, fc.uint8Array({ maxLength: 600 })), {
      selector: ([each]) => each,
      maxLength: 20,
    })
    .map((entries) => new Map(entries));
  const anyMessage: fc.Arbitrary<DhcpV4Message> = fc.record({
    op: fc.nat(255),
    htype: fc.nat(255),
    hlen: fc.nat(255),
    hops: fc.nat(255),
    xid: fc.nat(0xffffffff),
    secs: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    ciaddr: fc.nat(0xffffffff),
    yiaddr: fc.nat(0xffffffff),
    siaddr: fc.nat(0xffffffff),
    giaddr: fc.nat(0xffffffff),
    chaddr: exactly(16),
    sname: exactly(64),
    file: exactly(128),
    overload: fc.constant(0),
    options: anyOptions,
  });

  it("returns the same message, with its options in the same order", () => {
    fc.assert(
      fc.property(anyMessage, (input) => {
        const output = decodeDhcpV4(encodeDhcpV4(input));
        expect(output).toEqual(input);
        expect([...output.options.keys()]).toEqual([...input.options.keys()]);
      }),
    );
  });

  it("returns the same message when fields are overloaded, unless the options do not fit", () => {
    const overload = fc.constantFrom<Overload>(1, 2, 3);
    fc.assert(
      fc.property(anyMessage, overload, fc.integer({ min: 300, max: 3000 }), (any, overload, octetsMax) => {
        const input = {
          ...any,
          overload,
          file: (overload & 1) === 0 ? any.file : new Uint8Array(128),
          sname: (overload & 2) === 0 ? any.sname : new Uint8Array(64),
        };
        let encoded: Uint8Array;
        try {
          encoded = encodeDhcpV4(input, { octetsMax });
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        expect(encoded.length).toBeLessThanOrEqual(octetsMax);
        const output = decodeDhcpV4(encoded);
        expect(output).toEqual(input);
        expect([...output.options.keys()]).toEqual([...input.options.keys()]);
      }),
    );
  });
});
