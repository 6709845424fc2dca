/**
 * Options that are one IPv4 address: Requested IP Address (50) and Server Identifier (54), RFC 2132 §9.1, §9.7;
 * in an answer also the subnet mask (1), §3.3.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { readUint32, writeUint32 } from "../../octets.ts";

/** @throws {DecodeError} When it is not 4 octets. */
export function decodeAddress(data: Uint8Array): number {
  assertLength("IPv4 address option", data, 4);
  return readUint32(data, 0);
}

/** @param address Unsigned 32-bit integer. */
export function encodeAddress(address: number): Uint8Array {
  const data = new Uint8Array(4);
  writeUint32(data, 0, address);
  return data;
}
