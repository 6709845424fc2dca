/**
 * Options that are a time in seconds: Lease Time (51), Renewal Time T1 (58), Rebinding Time T2 (59), RFC 2132 §9.2,
 * §9.11, §9.12.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { readUint32, writeUint32 } from "../../octets.ts";

/** The value that stands for a time without end. */
export const infiniteSeconds = 0xffffffff;

/** @throws {DecodeError} When it is not 4 octets. */
export function decodeSeconds(data: Uint8Array): number {
  assertLength("time option", data, 4);
  return readUint32(data, 0);
}

/** @param seconds 0..{@link infiniteSeconds}. */
export function encodeSeconds(seconds: number): Uint8Array {
  const data = new Uint8Array(4);
  writeUint32(data, 0, seconds);
  return data;
}
