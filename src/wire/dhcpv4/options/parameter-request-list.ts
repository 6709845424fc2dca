/**
 * Parameter Request List (55), RFC 2132 §9.8: the options that a client requests, in its order of preference.
 *
 * @module
 */

/**
 * Decodes the list of requested options.
 *
 * @param data The option's data. Any octets form a valid list.
 * @returns The codes, in the client's order.
 */
export function decodeParameterRequestList(data: Uint8Array): number[] {
  return Array.from(data);
}

/**
 * Encodes a list of requested options.
 *
 * @param codes Option codes, 1..254.
 * @returns The option's data: one octet per code.
 */
export function encodeParameterRequestList(codes: readonly number[]): Uint8Array {
  return Uint8Array.from(codes);
}
