/**
 * Information Refresh Time (32), RFC 8415 §21.23: how long a client may rely on what a Reply to its
 * Information-Request said.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { readUint32, writeUint32 } from "../../octets.ts";

/** IRT_MINIMUM in seconds (RFC 8415 §7.6): a client takes a smaller value for this one. */
export const refreshSecondsMin = 600;

/** IRT_DEFAULT in seconds (RFC 8415 §7.6): what a client assumes where the option is absent. */
export const refreshSecondsDefault = 86_400;

/**
 * @returns Seconds; 0xffffffff is for ever.
 * @throws {DecodeError} When it is not 4 octets.
 */
export function decodeInformationRefreshTime(data: Uint8Array): number {
  assertLength("option 32", data, 4);
  return readUint32(data, 0);
}

/** @throws {RangeError} When the seconds are less than IRT_MINIMUM, or no unsigned 32 bits. */
export function encodeInformationRefreshTime(seconds: number): Uint8Array {
  if (!Number.isInteger(seconds) || seconds < refreshSecondsMin || seconds > 0xffffffff) {
    throw new RangeError(
      `Cannot encode option 32: found ${seconds} s, expected an integer from ${refreshSecondsMin} to 4294967295`,
    );
  }
  const data = new Uint8Array(4);
  writeUint32(data, 0, seconds);
  return data;
}
