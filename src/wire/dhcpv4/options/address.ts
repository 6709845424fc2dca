/**
 * Options that hold one IPv4 address: Requested IP Address (50) and Server Identifier (54), RFC 2132 §9.1, §9.7;
 * in an answer also the subnet mask (1), §3.3.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { readUint32, writeUint32 } from "../../octets.ts";

/**
 * Decodes an option that holds one IPv4 address.
 *
 * @param data The option's data.
 * @returns The address, as an unsigned 32-bit integer.
 * @throws {DecodeError} When the data is not 4 octets long.
 */
export function decodeAddress(data: Uint8Array): number {
  assertLength("IPv4 address option", data, 4);
  return readUint32(data, 0);
}

/**
 * Encodes an IPv4 address as option data.
 *
 * @param address Unsigned 32-bit integer.
 * @returns The option's data: 4 octets.
 */
export function encodeAddress(address: number): Uint8Array {
  const data = new Uint8Array(4);
  writeUint32(data, 0, address);
  return data;
}
