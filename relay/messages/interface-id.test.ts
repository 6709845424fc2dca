import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeInterfaceId, encodeInterfaceId } from "./interface-id.ts";

const octets = Uint8Array.of(
  ...[1], // format
  ...[2], // listener
  ...[0x21, 0x63], // UDP port 8547
  ...[0x65, 0x74, 0x68, 0x30], // zone "eth0"
);

test("encodeInterfaceId() writes format, listener, port and zone", () => {
  expect(encodeInterfaceId({ listener: 2, port: 8547, zone: "eth0" })).toEqual(octets);
});

test("decodeInterfaceId() reverses encodeInterfaceId()", () => {
  const interfaceId = fc.record({
    listener: fc.integer({ min: 0, max: 255 }),
    port: fc.integer({ min: 1, max: 65_535 }),
    zone: fc.stringMatching(/^[\w.:@-]{0,15}$/),
  });
  fc.assert(
    fc.property(interfaceId, (each) => {
      expect(decodeInterfaceId(encodeInterfaceId(each))).toEqual(each);
    }),
  );
});

test.each([
  ["no data", undefined],
  ["less than the header", octets.subarray(0, 3)],
  ["another format", octets.with(0, 2)],
  ["port 0", octets.with(2, 0).with(3, 0)],
  ["a zone that is not a valid interface name", octets.with(4, 0x20)],
  [
    "a zone that is too long",
    Uint8Array.from([...octets.subarray(0, 4), ...new Array<number>(16).fill(0x61)]),
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
