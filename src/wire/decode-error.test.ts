import { describe, expect, it } from "vitest";
import { reasonOf } from "../../test/support/octets.ts";
import { assertLength, DecodeError, decodeReasons, tryDecode } from "./decode-error.ts";

describe("DecodeError", () => {
  it("carries its reason and says what was found", () => {
    const error = new DecodeError("bad-frame", "Cannot split frames: found half a one");
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.reason, error.message]).toEqual([
      "DecodeError",
      "bad-frame",
      "Cannot split frames: found half a one",
    ]);
  });

  it("has reasons that are counters too: lower case, each once", () => {
    expect(new Set(decodeReasons).size).toBe(decodeReasons.length);
    for (const reason of decodeReasons) expect(reason).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });
});

describe("tryDecode()", () => {
  const decodeOne = (octets: Uint8Array): number => {
    assertLength("option 53", octets, 1);
    return octets[0]!;
  };

  it("gives what was decoded, and undefined for what is absent or malformed", () => {
    expect(tryDecode(decodeOne, Uint8Array.of(7))).toBe(7);
    expect(tryDecode(decodeOne, undefined)).toBeUndefined();
    expect(tryDecode(decodeOne, new Uint8Array(2))).toBeUndefined();
  });

  it("lets other errors pass: they are faults of ours", () => {
    const fail = (): never => {
      throw new TypeError("a fault");
    };
    expect(() => {
      tryDecode(fail, new Uint8Array(0));
    }).toThrow(TypeError);
  });
});

describe("assertLength()", () => {
  it("refuses another length, and names the option, what was found and what was expected", () => {
    const assertThree = (): void => {
      assertLength("option 159", new Uint8Array(3), 4);
    };
    expect(reasonOf(assertThree)).toBe("bad-option-length");
    expect(assertThree).toThrow("Cannot decode option 159: length is 3, expected 4");
  });
});
