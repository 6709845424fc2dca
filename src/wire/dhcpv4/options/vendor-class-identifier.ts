/**
 * Vendor Class Identifier (60), RFC 2132 §9.13: opaque octets that most vendors write as text.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";

/** @throws {DecodeError} When it is empty. */
export function decodeVendorClassIdentifier(data: Uint8Array): Uint8Array {
  if (data.length === 0) {
    throw new DecodeError("bad-option-length", "Cannot decode option 60: length is 0, expected at least 1");
  }
  return data;
}

/** @param value At least one octet. */
export function encodeVendorClassIdentifier(value: Uint8Array): Uint8Array {
  if (value.length === 0) throw new RangeError("Cannot encode option 60: length is 0, expected at least 1");
  return value;
}
