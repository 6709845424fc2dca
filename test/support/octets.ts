/**
 * Octets as lines of hexadecimal digits, so that each line can have a comment that names its field.
 *
 * @module
 */
import { DecodeError } from "../../src/wire/decode-error.ts";
import { decodeHex } from "../../src/wire/hex.ts";

/** @param lines Pairs of digits; spaces are ignored. */
export function octets(...lines: readonly string[]): Uint8Array {
  return decodeHex(lines.join("").replaceAll(" ", ""));
}

/** @returns Reason of the DecodeError that `decode` throws; undefined if it throws nothing. Rethrows other errors. */
export function reasonOf(decode: () => unknown): string | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}
