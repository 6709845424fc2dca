/**
 * Integers in octets, most significant octet first, as all of the DHCP family has them.
 *
 * Readers take what is there and trust the caller to have checked the length: each is one expression, because
 * every datagram goes through many of them.
 *
 * @module
 */

/** @returns The 16-bit integer at an offset that is known to be there. */
export function readUint16(octets: Uint8Array, offset: number): number {
  return (octets[offset]! << 8) | octets[offset + 1]!;
}

/** @returns The unsigned 32-bit integer at an offset that is known to be there. */
export function readUint32(octets: Uint8Array, offset: number): number {
  return (
    ((octets[offset]! << 24) |
      (octets[offset + 1]! << 16) |
      (octets[offset + 2]! << 8) |
      octets[offset + 3]!) >>>
    0
  );
}

/** Writes a 16-bit integer. */
export function writeUint16(octets: Uint8Array, offset: number, value: number): void {
  octets[offset] = value >> 8;
  octets[offset + 1] = value;
}

/** Writes an unsigned 32-bit integer. */
export function writeUint32(octets: Uint8Array, offset: number, value: number): void {
  octets[offset] = value >>> 24;
  octets[offset + 1] = value >>> 16;
  octets[offset + 2] = value >>> 8;
  octets[offset + 3] = value;
}
