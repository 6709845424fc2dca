/**
 * Integers in octets, most significant octet first, as all DHCP messages encode them.
 *
 * The readers do not check bounds: the caller has already checked the length. Each is a single expression, because
 * every datagram needs many of these calls.
 *
 * @module
 */
import { slabOctets } from "../limits.ts";

let slab = new Uint8Array(0);
let used = 0;

/**
 * Allocates octets for a message. The runtime keeps the octets of each array above 64 octets outside of its heap, which
 * costs more than encoding the message. So a large array is allocated now and then, and messages are views of it. It is
 * freed with the last of them: messages that are kept for long should be copied.
 *
 * @param length Number of octets.
 * @returns Zeros, which no other message shares.
 */
export function allocateOctets(length: number): Uint8Array {
  if (length > slabOctets / 8) return new Uint8Array(length);
  if (used + length > slab.length) {
    slab = new Uint8Array(slabOctets);
    used = 0;
  }
  return slab.subarray(used, (used += length));
}

/**
 * Reads an unsigned 16-bit integer.
 *
 * @param octets Octets to read from.
 * @param offset Offset of the integer. The caller has checked that two octets follow.
 * @returns The integer, 0..65535.
 */
export function readUint16(octets: Uint8Array, offset: number): number {
  return (octets[offset]! << 8) | octets[offset + 1]!;
}

/**
 * Reads an unsigned 32-bit integer.
 *
 * @param octets Octets to read from.
 * @param offset Offset of the integer. The caller has checked that four octets follow.
 * @returns The integer, 0..4294967295.
 */
export function readUint32(octets: Uint8Array, offset: number): number {
  return (
    ((octets[offset]! << 24) |
      (octets[offset + 1]! << 16) |
      (octets[offset + 2]! << 8) |
      octets[offset + 3]!) >>>
    0
  );
}

/**
 * Writes an unsigned 16-bit integer.
 *
 * @param octets Octets to write to.
 * @param offset Offset of the integer.
 * @param value 0..65535.
 */
export function writeUint16(octets: Uint8Array, offset: number, value: number): void {
  octets[offset] = value >> 8;
  octets[offset + 1] = value;
}

/**
 * Writes an unsigned 32-bit integer.
 *
 * @param octets Octets to write to.
 * @param offset Offset of the integer.
 * @param value 0..4294967295.
 */
export function writeUint32(octets: Uint8Array, offset: number, value: number): void {
  octets[offset] = value >>> 24;
  octets[offset + 1] = value >>> 16;
  octets[offset + 2] = value >>> 8;
  octets[offset + 3] = value;
}
