/**
 * Options that are a list of option codes: Option Request (6), RFC 8415 §21.7, and Relay Agent Echo Request (43),
 * RFC 4994 §3.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import { readUint16, writeUint16 } from "../../octets.ts";

/** @throws {DecodeError} When its length is odd. */
export function decodeCodeList(data: Uint8Array): number[] {
  if (data.length % 2 !== 0) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode option codes: length is ${data.length}, expected it even`,
    );
  }
  return Array.from({ length: data.length / 2 }, (_, index) => readUint16(data, index * 2));
}

/** @param codes 0..65535 each. */
export function encodeCodeList(codes: readonly number[]): Uint8Array {
  const data = new Uint8Array(codes.length * 2);
  for (const [index, code] of codes.entries()) writeUint16(data, index * 2, code);
  return data;
}
