import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";

/** Examples of RFC 4648 §10 without padding, and one with the two digits that base64 writes as `+` and `/`. */
const vectors: [number[], string][] = [
  [[], ""],
  [[0x66], "Zg"],
  [[0x66, 0x6f], "Zm8"],
  [[0x66, 0x6f, 0x6f], "Zm9v"],
  [[0x66, 0x6f, 0x6f, 0x62, 0x61, 0x72], "Zm9vYmFy"],
  [[0xfb, 0xff], "-_8"],
];

test.each(vectors)("encodeBase64url() and decodeBase64url() of [%s] and %j", (octets, text) => {
  expect(encodeBase64url(Uint8Array.from(octets))).toBe(text);
  expect([...decodeBase64url(text)]).toEqual(octets);
});

test("encodeBase64url() agrees with Node, and decodeBase64url() reverses it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => {
      const text = encodeBase64url(octets);
      expect(text).toBe(Buffer.from(octets).toString("base64url"));
      expect(decodeBase64url(text)).toEqual(octets);
    }),
  );
});

describe("decodeBase64url() rejects", () => {
  test.each([
    ["padding", "Zg=="],
    ["digits of plain base64", "+/8"],
    ["white space", "Zm 9v"],
    ["other characters", "Zm9v%"],
    ["letters of other scripts", "Zm9ö"],
    ["a length that no octets encode to", "Zm9vY"],
  ])("%s", (_what, text) => {
    expect(() => decodeBase64url(text)).toThrow(SyntaxError);
  });
});
