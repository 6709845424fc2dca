/**
 * Maximum DHCP Message Size (57), RFC 2132 §9.10: the longest IP datagram that the client accepts.
 *
 * @module
 */
import { assertLength, DecodeError } from "../../decode-error.ts";
import { readUint16, writeUint16 } from "../../octets.ts";

/** The size that every client must accept, and the smallest valid value of the option, in octets. */
export const maxMessageSizeMin = 576;

/**
 * Decodes the maximum message size.
 *
 * @param data The option's data.
 * @returns The size in octets, 576..65535.
 * @throws {DecodeError} When the data is not 2 octets long, or the size is below 576.
 */
export function decodeMaxMessageSize(data: Uint8Array): number {
  assertLength("option 57", data, 2);
  const size = readUint16(data, 0);
  if (size < maxMessageSizeMin) {
    throw new DecodeError(
      "bad-option-value",
      `Cannot decode option 57: size is ${size}, expected at least 576`,
    );
  }
  return size;
}

/**
 * Encodes the maximum message size.
 *
 * @param size In octets, 576..65535.
 * @returns The option's data: 2 octets.
 * @throws {RangeError} When the size is out of range.
 */
export function encodeMaxMessageSize(size: number): Uint8Array {
  if (size < maxMessageSizeMin || size > 0xffff) {
    throw new RangeError(`Cannot encode option 57: size is ${size}, expected 576..65535`);
  }
  const data = new Uint8Array(2);
  writeUint16(data, 0, size);
  return data;
}
