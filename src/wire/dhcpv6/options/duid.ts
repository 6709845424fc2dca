/**
 * DUID: who a client or server is, in Client Identifier (1) and Server Identifier (2), RFC 8415 §11. It is compared as
 * octets; only who makes one looks at what is inside.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";

/** Octets of a DUID: a type code of 2, and 1 to 128 behind it (RFC 8415 §11.1). */
export const duidOctetsMin = 3;
export const duidOctetsMax = 130;

/** DUID-UUID (RFC 6355). */
const typeUuid = 4;
const uuidOctets = 16;

/**
 * @param option For the message: `option 1`.
 * @throws {DecodeError} When its length is that of no DUID.
 */
export function decodeDuid(option: string, data: Uint8Array): Uint8Array {
  if (data.length < duidOctetsMin || data.length > duidOctetsMax) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode ${option}: length is ${data.length}, expected ${duidOctetsMin} to ${duidOctetsMax}`,
    );
  }
  return data;
}

/**
 * Makes a DUID of a UUID (RFC 6355 §4).
 *
 * @throws {RangeError} When the UUID is not 16 octets.
 */
export function encodeDuidUuid(uuid: Uint8Array): Uint8Array {
  if (uuid.length !== uuidOctets) {
    throw new RangeError(`Cannot encode DUID-UUID: length is ${uuid.length}, expected ${uuidOctets}`);
  }
  return Uint8Array.of(0, typeUuid, ...uuid);
}
