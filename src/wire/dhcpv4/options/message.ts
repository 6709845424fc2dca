/**
 * Message (56), RFC 2132 §9.9: an error in words, for people.
 *
 * @module
 */

/** @returns The text; octets that are no UTF-8 become replacement characters. */
export function decodeMessage(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** @param text Best ASCII: the option is NVT ASCII. */
export function encodeMessage(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
