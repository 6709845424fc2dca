/**
 * Options that hold a time in seconds: Lease Time (51), Renewal Time T1 (58), Rebinding Time T2 (59), RFC 2132 §9.2,
 * §9.11, §9.12.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { readUint32, writeUint32 } from "../../octets.ts";

/** The value that means infinity (RFC 2131 §3.3). */
export const infiniteSeconds = 0xffffffff;

/**
 * Decodes a time option.
 *
 * @param data The option's data.
 * @returns Seconds, 0..{@link infiniteSeconds}.
 * @throws {DecodeError} When the data is not 4 octets long.
 */
export function decodeSeconds(data: Uint8Array): number {
  assertLength("time option", data, 4);
  return readUint32(data, 0);
}

/**
 * Encodes a time option.
 *
 * @param seconds 0..{@link infiniteSeconds}.
 * @returns The option's data: 4 octets.
 */
export function encodeSeconds(seconds: number): Uint8Array {
  const data = new Uint8Array(4);
  writeUint32(data, 0, seconds);
  return data;
}
