/**
 * Maximum DHCP Message Size (57), RFC 2132 §9.10: how long an IP datagram the client takes.
 *
 * @module
 */
import { assertLength, DecodeError } from "../../decode-error.ts";
import { readUint16, writeUint16 } from "../../octets.ts";

/** The size that every client takes, and the least that it may say, in octets. */
export const maxMessageSizeMin = 576;

/** @throws {DecodeError} When it is not 2 octets, or below 576. */
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

/** @param size In octets, 576..65535. */
export function encodeMaxMessageSize(size: number): Uint8Array {
  if (size < maxMessageSizeMin || size > 0xffff) {
    throw new RangeError(`Cannot encode option 57: size is ${size}, expected 576..65535`);
  }
  const data = new Uint8Array(2);
  writeUint16(data, 0, size);
  return data;
}
