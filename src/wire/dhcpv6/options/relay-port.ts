/**
 * Relay Source Port (135), RFC 8357 §4: by which port the answer finds back to a relay that does not use 547.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { readUint16, writeUint16 } from "../../octets.ts";

/**
 * @returns UDP port of the relay downstream; 0 when that uses 547, and the sender of the option itself does not.
 * @throws {DecodeError} When it is not 2 octets.
 */
export function decodeRelayPort(data: Uint8Array): number {
  assertLength("option 135", data, 2);
  return readUint16(data, 0);
}

/** @param port 0..65535. */
export function encodeRelayPort(port: number): Uint8Array {
  const data = new Uint8Array(2);
  writeUint16(data, 0, port);
  return data;
}
