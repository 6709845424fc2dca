/**
 * Octets as tests write them: lines of hexadecimal digits, so that each line can have a comment with its field.
 *
 * @module
 */
import { DecodeError } from "../../src/wire/decode-error.ts";
import { decodeHex } from "../../src/wire/hex.ts";

/** @param lines Pairs of digits; spaces are for the reader. */
export function octets(...lines: readonly string[]): Uint8Array {
  return decodeHex(lines.join("").replaceAll(" ", ""));
}

/** @returns The reason of the DecodeError that is thrown, or undefined when nothing is; other errors pass. */
export function reasonOf(decode: () => unknown): string | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}
