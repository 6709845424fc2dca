/**
 * Options that only their sender can read: Interface-Id (18), RFC 8415 §21.18, and Subscriber-Id (38), RFC 4580 §2.
 * They are compared as octets.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";

/**
 * @param option For the message: `option 18`.
 * @throws {DecodeError} When it is empty.
 */
export function decodeOpaque(option: string, data: Uint8Array): Uint8Array {
  if (data.length === 0) {
    throw new DecodeError("bad-option-length", `Cannot decode ${option}: length is 0, expected at least 1`);
  }
  return data;
}

/** @throws {RangeError} When it is empty. */
export function encodeOpaque(option: string, value: Uint8Array): Uint8Array {
  if (value.length === 0) throw new RangeError(`Cannot encode ${option}: length is 0, expected at least 1`);
  return value;
}
