/**
 * Rapid Commit (80), RFC 4039 §4: the option has no data, only its presence matters.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";

/**
 * Decodes Rapid Commit.
 *
 * @param data The option's data.
 * @returns Always true: the option is present.
 * @throws {DecodeError} When the data is not empty.
 */
export function decodeRapidCommit(data: Uint8Array): true {
  assertLength("option 80", data, 0);
  return true;
}

/**
 * Encodes Rapid Commit.
 *
 * @returns The option's data: no octets.
 */
export function encodeRapidCommit(): Uint8Array {
  return new Uint8Array(0);
}
