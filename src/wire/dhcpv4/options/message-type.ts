/**
 * DHCP Message Type (53), RFC 2132 §9.6.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";

/**
 * @returns A number; `MessageType` names those of RFC 2131.
 * @throws {DecodeError} When it is not 1 octet.
 */
export function decodeMessageType(data: Uint8Array): number {
  assertLength("option 53", data, 1);
  return data[0]!;
}

/** @param type One of `MessageType`. */
export function encodeMessageType(type: number): Uint8Array {
  return Uint8Array.of(type);
}
