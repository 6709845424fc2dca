import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../test/support/octets.ts";
import { decodeFrames, encodeFrames } from "./frames.ts";
import { equalOctets } from "./hex.ts";

const two = octets(
  "0003", // length of the first message
  "0a0b0c", // the first message
  "0001", // length of the second message
  "ff", // the second message
);

describe("decodeFrames()", () => {
  it("splits a body into its messages, as views (RFC 5460 §5.1)", () => {
    const frames = decodeFrames(two, 2);
    expect(frames).toEqual([octets("0a0b0c"), octets("ff")]);
    expect(frames.every((frame) => frame.buffer === two.buffer)).toBe(true);
  });

  it("returns no messages for an empty body, and an empty message for a length of zero", () => {
    expect(decodeFrames(new Uint8Array(0), 0)).toEqual([]);
    expect(decodeFrames(octets("0000"), 1)).toEqual([new Uint8Array(0)]);
  });

  it.each([
    ["half a length", "00"],
    ["a length without its message", "0001"],
    ["a message cut short", "0003 0a0b"],
    ["half a length after a whole frame", "0001 ff 00"],
  ])("rejects %s: bad-frame", (_, hex) => {
    expect(reasonOf(() => decodeFrames(octets(hex), 9))).toBe("bad-frame");
  });

  it("rejects more frames than the limit: too-many-frames", () => {
    expect(reasonOf(() => decodeFrames(two, 1))).toBe("too-many-frames");
    expect(reasonOf(() => decodeFrames(new Uint8Array(65_536), 1024))).toBe("too-many-frames");
  });

  it("reverses encodeFrames()", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 20 }), (messages) => {
        expect(decodeFrames(encodeFrames(messages), messages.length)).toEqual(messages);
      }),
    );
  });
});

describe("encodeFrames()", () => {
  it("writes each message after its length", () => {
    expect(encodeFrames([octets("0a0b0c"), octets("ff")])).toEqual(two);
  });

  it("accepts a message of 65535 octets, and rejects one of 65536", () => {
    const longest = new Uint8Array(65_535).fill(1);
    const frames = decodeFrames(encodeFrames([longest, longest]), 2);
    expect(frames.map((frame) => equalOctets(frame, longest))).toEqual([true, true]);
    expect(() => encodeFrames([new Uint8Array(65_536)])).toThrow(RangeError);
  });
});
