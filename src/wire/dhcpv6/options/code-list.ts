/**
 * Options that hold a list of option codes: Option Request (6), RFC 8415 §21.7, and Relay Agent Echo Request (43),
 * RFC 4994 §3.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import { readUint16, writeUint16 } from "../../octets.ts";

/**
 * Decodes a list of option codes.
 *
 * @param data The option's data.
 * @returns The codes in order, duplicates included.
 * @throws {DecodeError} When the length of the data is odd.
 */
export function decodeCodeList(data: Uint8Array): number[] {
  if (data.length % 2 !== 0) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode option codes: length is ${data.length}, expected an even number`,
    );
  }
  return Array.from({ length: data.length / 2 }, (_, index) => readUint16(data, index * 2));
}

/**
 * Encodes a list of option codes.
 *
 * @param codes Option codes, 0..65535.
 * @returns The option's data: two octets per code.
 */
export function encodeCodeList(codes: readonly number[]): Uint8Array {
  const data = new Uint8Array(codes.length * 2);
  for (const [index, code] of codes.entries()) writeUint16(data, index * 2, code);
  return data;
}
