/**
 * Message (56), RFC 2132 §9.9: an error message for people.
 *
 * @module
 */

/**
 * Decodes the error message.
 *
 * @param data The option's data.
 * @returns The text. Octets that are not UTF-8 become replacement characters. Trailing zeros, which some senders add,
 *   are removed (RFC 2132 §2).
 */
export function decodeMessage(data: Uint8Array): string {
  let end = data.length;
  while (end > 0 && data[end - 1] === 0) end--;
  return new TextDecoder().decode(data.subarray(0, end));
}

/**
 * Encodes an error message.
 *
 * @param text Preferably ASCII, because the option is defined as NVT ASCII.
 * @returns The option's data.
 */
export function encodeMessage(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
