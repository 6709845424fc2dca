/**
 * Information Refresh Time (32), RFC 8415 §21.23: how long a client may rely on the Reply to its Information-Request
 * before it asks again.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { readUint32, writeUint32 } from "../../octets.ts";

/** IRT_MINIMUM in seconds (RFC 8415 §7.6): a client treats a smaller value as this one. */
export const refreshSecondsMin = 600;

/** IRT_DEFAULT in seconds (RFC 8415 §7.6): what a client assumes when the option is absent. */
export const refreshSecondsDefault = 86_400;

/**
 * Decodes the information refresh time.
 *
 * @param data The option's data.
 * @returns Seconds; 0xffffffff means infinity.
 * @throws {DecodeError} When the data is not 4 octets long.
 */
export function decodeInformationRefreshTime(data: Uint8Array): number {
  assertLength("option 32", data, 4);
  return readUint32(data, 0);
}

/**
 * Encodes the information refresh time.
 *
 * @param seconds From {@link refreshSecondsMin} to 4294967295.
 * @returns The option's data: 4 octets.
 * @throws {RangeError} When the value is below IRT_MINIMUM, or not an unsigned 32-bit integer.
 */
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
