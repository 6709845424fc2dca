/**
 * Parameter Request List (55), RFC 2132 §9.8: the options that a client wants, in the order of its wish.
 *
 * @module
 */

/** @returns The codes in their order. Any octets are a list. */
export function decodeParameterRequestList(data: Uint8Array): number[] {
  return Array.from(data);
}

/** @param codes Option codes, 1..254. */
export function encodeParameterRequestList(codes: readonly number[]): Uint8Array {
  return Uint8Array.from(codes);
}
