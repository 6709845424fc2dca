/**
 * DHCP Message Type (53), RFC 2132 §9.6.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";

/**
 * Decodes the message type.
 *
 * @param data The option's data.
 * @returns Any number, 0..255; `MessageType` names those of RFC 2131.
 * @throws {DecodeError} When the data is not 1 octet long.
 */
export function decodeMessageType(data: Uint8Array): number {
  assertLength("option 53", data, 1);
  return data[0]!;
}

/**
 * Encodes the message type.
 *
 * @param type One of `MessageType`.
 * @returns The option's data: 1 octet.
 */
export function encodeMessageType(type: number): Uint8Array {
  return Uint8Array.of(type);
}
