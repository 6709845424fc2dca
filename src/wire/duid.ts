/**
 * DUID: the identity of a client or server, used in Client Identifier (1) and Server Identifier (2) of DHCPv6
 * (RFC 8415 §11) and within option 61 of DHCPv4 (RFC 4361 §6.1). DUIDs are compared as opaque octets; only the node
 * that creates one interprets its content.
 *
 * @module
 */
import { DecodeError } from "./decode-error.ts";
import { ethernet } from "./dhcpv4/codes.ts";
import { encodeHex } from "./hex.ts";
import { readUint16 } from "./octets.ts";

/** Length of a DUID in octets: a type code of 2 octets, then 1 to 128 more (RFC 8415 §11.1). */
const duidOctetsMin = 3;
export const duidOctetsMax = 130;

/** Type codes (RFC 8415 §11, and RFC 6355 for UUID). */
const DuidType = { llt: 1, en: 2, ll: 3, uuid: 4 } as const;

/** Octets of a UUID (RFC 9562 §4). */
export const uuidOctets = 16;

const typeNames = new Map<number, string>([
  [DuidType.llt, "DUID-LLT"],
  [DuidType.en, "DUID-EN"],
  [DuidType.ll, "DUID-LL"],
  [DuidType.uuid, "DUID-UUID"],
]);

/** The valid lengths of a DUID in octets, as text for error messages. */
export const duidLengths = `${duidOctetsMin} to ${duidOctetsMax}`;

/**
 * Checks the length of a DUID.
 *
 * @param octets Length in octets.
 * @returns Whether a DUID can have this length.
 */
export function isDuidLength(octets: number): boolean {
  return octets >= duidOctetsMin && octets <= duidOctetsMax;
}

/**
 * Decodes an option that holds a DUID.
 *
 * @param option Name of the option for the error message, such as `option 1`.
 * @param data The option's data.
 * @returns The DUID: the same octets.
 * @throws {DecodeError} When no DUID can have this length.
 */
export function decodeDuid(option: string, data: Uint8Array): Uint8Array {
  if (!isDuidLength(data.length)) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode ${option}: length is ${data.length}, expected ${duidLengths}`,
    );
  }
  return data;
}

/**
 * Encodes a DUID-LL for an Ethernet address (RFC 8415 §11.4).
 *
 * @param hardwareAddress 6 octets.
 * @returns The DUID.
 */
export function encodeDuidLl(hardwareAddress: Uint8Array): Uint8Array {
  return Uint8Array.of(0, DuidType.ll, 0, ethernet, ...hardwareAddress);
}

/**
 * Encodes a DUID-UUID (RFC 6355 §4).
 *
 * @param uuid 16 octets.
 * @returns The DUID.
 * @throws {RangeError} When the UUID is not 16 octets long.
 */
export function encodeDuidUuid(uuid: Uint8Array): Uint8Array {
  if (uuid.length !== uuidOctets) {
    throw new RangeError(`Cannot encode DUID-UUID: length is ${uuid.length}, expected ${uuidOctets}`);
  }
  return Uint8Array.of(0, DuidType.uuid, ...uuid);
}

/**
 * Formats a DUID for people.
 *
 * @param duid The DUID.
 * @returns Its type and the remaining octets: `DUID-LL 000102005e100001`. Hexadecimal only when the type is unknown.
 */
export function formatDuid(duid: Uint8Array): string {
  const type = duid.length < 2 ? undefined : typeNames.get(readUint16(duid, 0));
  return type === undefined ? encodeHex(duid) : `${type} ${encodeHex(duid.subarray(2))}`;
}
