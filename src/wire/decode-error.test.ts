import { describe, expect, it } from "vitest";
import { reasonOf } from "../../test/support/octets.ts";
import { assertLength, DecodeError, decodeReasons, tryDecode } from "./decode-error.ts";

describe("DecodeError", () => {
  it("has a reason, and a message with what was found", () => {
    const error = new DecodeError("bad-frame", "Cannot split frames: found half a frame");
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.reason, error.message]).toEqual([
      "DecodeError",
      "bad-frame",
      "Cannot split frames: found half a frame",
    ]);
  });

  it("has reasons that can serve as counter labels: lower case and unique", () => {
    expect(new Set(decodeReasons).size).toBe(decodeReasons.length);
    for (const reason of decodeReasons) expect(reason).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });
});

describe("tryDecode()", () => {
  const decodeOne = (octets: Uint8Array): number => {
    assertLength("option 53", octets, 1);
    return octets[0]!;
  };

  it("returns the decoded value, or undefined for an absent or malformed option", () => {
    expect(tryDecode(decodeOne, Uint8Array.of(7))).toBe(7);
    expect(tryDecode(decodeOne, undefined)).toBeUndefined();
    expect(tryDecode(decodeOne, new Uint8Array(2))).toBeUndefined();
  });

  it("rethrows other errors, because they are our own bugs", () => {
    const fail = (): never => {
      throw new TypeError("a fault");
    };
    expect(() => {
      tryDecode(fail, new Uint8Array(0));
    }).toThrow(TypeError);
  });
});

describe("assertLength()", () => {
  it("rejects another length, and names the option, the length found and the length expected", () => {
    const assertThree = (): void => {
      assertLength("option 159", new Uint8Array(3), 4);
    };
    expect(reasonOf(assertThree)).toBe("bad-option-length");
    expect(assertThree).toThrow("Cannot decode option 159: length is 3, expected 4");
  });
});
