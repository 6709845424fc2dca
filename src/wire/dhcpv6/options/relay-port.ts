/**
 * Relay Source Port (135), RFC 8357 §4: the port to which the answer must go when a relay does not use 547.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { readUint16, writeUint16 } from "../../octets.ts";

/**
 * Decodes the relay source port.
 *
 * @param data The option's data.
 * @returns UDP port of the downstream relay. 0 means that the downstream relay uses 547 and only the sender of the
 *   option does not.
 * @throws {DecodeError} When the data is not 2 octets long.
 */
export function decodeRelayPort(data: Uint8Array): number {
  assertLength("option 135", data, 2);
  return readUint16(data, 0);
}

/**
 * Encodes the relay source port.
 *
 * @param port 0..65535.
 * @returns The option's data: 2 octets.
 */
export function encodeRelayPort(port: number): Uint8Array {
  const data = new Uint8Array(2);
  writeUint16(data, 0, port);
  return data;
}
