import { describe, expect, it, test } from "vitest";
import { octets, reasonOf } from "../../test/support/octets.ts";
import { decodeDuid, encodeDuidLl, encodeDuidUuid, formatDuid, isDuidLength } from "./duid.ts";

test("isDuidLength() and decodeDuid() accept 3 to 130 octets", () => {
  for (const length of [3, 130]) {
    expect(isDuidLength(length)).toBe(true);
    expect(decodeDuid("option 1", new Uint8Array(length))).toHaveLength(length);
  }
  for (const length of [0, 2, 131]) {
    expect(isDuidLength(length)).toBe(false);
    expect(reasonOf(() => decodeDuid("option 1", new Uint8Array(length)))).toBe("bad-option-length");
  }
});

test("encodeDuidLl() writes type, hardware type and address (RFC 8415 §11.4)", () => {
  const duid = octets(
    "00 03", // DUID-LL
    "00 01", // Ethernet
    "02 00 5e 10 00 01", // its address
  );
  expect(encodeDuidLl(octets("02005e100001"))).toEqual(duid);
});

describe("encodeDuidUuid()", () => {
  it("RFC 6355 §4: writes type 4 before the UUID", () => {
    const uuid = octets("00112233445566778899aabbccddeeff");
    const duid = octets("0004 00112233445566778899aabbccddeeff");
    expect(encodeDuidUuid(uuid)).toEqual(duid);
    expect(decodeDuid("option 2", duid)).toEqual(duid);
  });

  it("rejects a UUID of 15 octets", () => {
    expect(() => encodeDuidUuid(new Uint8Array(15))).toThrow(RangeError);
  });
});

describe("formatDuid()", () => {
  it.each([
    ["00010001aabb", "DUID-LLT 0001aabb"],
    ["0002000000090c", "DUID-EN 000000090c"],
    ["0003000102005e100001", "DUID-LL 000102005e100001"],
    ["000400112233", "DUID-UUID 00112233"],
    ["0005aabb", "0005aabb"],
    ["00", "00"],
  ])("writes %s as %s", (hex, text) => {
    expect(formatDuid(octets(hex))).toBe(text);
  });
});
