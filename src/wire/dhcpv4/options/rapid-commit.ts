/**
 * Rapid Commit (80), RFC 4039 §4: its presence is all that it says.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";

/** @throws {DecodeError} When it is not empty. */
export function decodeRapidCommit(data: Uint8Array): true {
  assertLength("option 80", data, 0);
  return true;
}

/** @returns No octets. */
export function encodeRapidCommit(): Uint8Array {
  return new Uint8Array(0);
}
