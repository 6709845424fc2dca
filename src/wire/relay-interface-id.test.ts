import fc from "fast-check";
import { expect, test } from "vitest";
import { believedLevels, decodeInterfaceId, encodeInterfaceId, isZone } from "./relay-interface-id.ts";

const octets = Uint8Array.of(
  ...[2], // format
  ...[2], // listener
  ...[0x21, 0x63], // UDP port 8547
  ...[3], // levels that may be believed
  ...[0x65, 0x74, 0x68, 0x30], // zone "eth0"
);

test("encodeInterfaceId() writes format, listener, port, belief and zone", () => {
  expect(encodeInterfaceId({ listener: 2, port: 8547, believed: 3, zone: "eth0" })).toEqual(octets);
});

test("decodeInterfaceId() reads what encodeInterfaceId() wrote", () => {
  const interfaceId = fc.record({
    listener: fc.integer({ min: 0, max: 255 }),
    port: fc.integer({ min: 1, max: 65_535 }),
    believed: fc.integer({ min: 0, max: 255 }),
    zone: fc.constantFrom("", "eth0", "br+lan", "a:1", "wan~!@#$^&*()=,?", "größe", "...").filter(isZone),
  });
  fc.assert(
    fc.property(interfaceId, (each) => {
      expect(decodeInterfaceId(encodeInterfaceId(each))).toEqual(each);
    }),
  );
});

test.each(["", "eth0", "br+lan", "eth0.100", "a@b", "…lan", "fünfzehn-okten", "-"])(
  "E19 isZone(%j)",
  (name) => {
    expect(isZone(name)).toBe(true);
  },
);

test.each([".", "..", "a/b", "a b", "a\tb", "a\0", "a%b", "sixteen-octets-x", "fünfzehn-oktett"])(
  "E19 isZone(%j) is false",
  (name) => {
    expect(isZone(name)).toBe(false);
  },
);

test.each([
  ["nothing", undefined],
  ["less than its header", octets.subarray(0, 4)],
  ["another format", octets.with(0, 1)],
  ["port 0", octets.with(2, 0).with(3, 0)],
  ["a zone that names no interface", octets.with(5, 0x20)],
  ["a zone that is no text", octets.with(5, 0xff)],
  [
    "a zone that is too long",
    Uint8Array.from([...octets.subarray(0, 5), ...new Array<number>(16).fill(0x61)]),
  ],
])("decodeInterfaceId() rejects %s", (_what, data) => {
  expect(decodeInterfaceId(data)).toBeUndefined();
});

test("decodeInterfaceId() never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
      decodeInterfaceId(data);
    }),
  );
});

test.each([
  ["our Interface-Id", octets, 3],
  ["the shortest of our Interface-Ids", octets.subarray(0, 5), 3],
  ["no Interface-Id", undefined, undefined],
  ["one of an earlier release", octets.with(0, 1), undefined],
  ["one that is cut off", octets.subarray(0, 4), undefined],
  ["an empty one", new Uint8Array(0), undefined],
])("T5 believedLevels() of %s", (_what, data, believed) => {
  expect(believedLevels(data)).toBe(believed);
});
