/**
 * Message (56), RFC 2132 §9.9: an error in words, for people.
 *
 * @module
 */

/**
 * @returns The text; octets that are no UTF-8 become replacement characters, and zeros that some senders put at the
 * end are left out (RFC 2132 §2).
 */
export function decodeMessage(data: Uint8Array): string {
  let end = data.length;
  while (end > 0 && data[end - 1] === 0) end--;
  return new TextDecoder().decode(data.subarray(0, end));
}

/** @param text Best ASCII: the option is NVT ASCII. */
export function encodeMessage(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
