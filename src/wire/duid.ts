/**
 * DUID: who a client or server is, in Client Identifier (1) and Server Identifier (2) of DHCPv6 (RFC 8415 §11), and
 * within option 61 of DHCPv4 (RFC 4361 §6.1). It is compared as octets; only its maker looks at what is inside.
 *
 * @module
 */
import { DecodeError } from "./decode-error.ts";
import { ethernet } from "./dhcpv4/codes.ts";
import { encodeHex } from "./hex.ts";
import { readUint16 } from "./octets.ts";

/** Octets of a DUID: a type code of 2, then 1 to 128 more (RFC 8415 §11.1). */
const duidOctetsMin = 3;
export const duidOctetsMax = 130;

/** Type codes: RFC 8415 §11, and RFC 6355 for UUID. */
const DuidType = { llt: 1, en: 2, ll: 3, uuid: 4 } as const;

/** Octets of a UUID (RFC 9562 §4). */
export const uuidOctets = 16;

const typeNames = new Map<number, string>([
  [DuidType.llt, "DUID-LLT"],
  [DuidType.en, "DUID-EN"],
  [DuidType.ll, "DUID-LL"],
  [DuidType.uuid, "DUID-UUID"],
]);

/** The lengths that a DUID may have, for messages. */
export const duidLengths = `${duidOctetsMin} to ${duidOctetsMax}`;

/**
 * Says whether octets can be a DUID.
 *
 * @param octets Length of the DUID.
 */
export function isDuidLength(octets: number): boolean {
  return octets >= duidOctetsMin && octets <= duidOctetsMax;
}

/**
 * Decodes an option that is a DUID.
 *
 * @param option For the message: `option 1`.
 * @returns The same octets.
 * @throws {DecodeError} When its length is that of no DUID.
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
 * Makes a DUID-LL of an Ethernet address (RFC 8415 §11.4).
 *
 * @param hardwareAddress Six octets.
 */
export function encodeDuidLl(hardwareAddress: Uint8Array): Uint8Array {
  return Uint8Array.of(0, DuidType.ll, 0, ethernet, ...hardwareAddress);
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
  return Uint8Array.of(0, DuidType.uuid, ...uuid);
}

/** @returns Its type and octets for people: `DUID-LL 000102005e100001`. */
export function formatDuid(duid: Uint8Array): string {
  const type = duid.length < 2 ? undefined : typeNames.get(readUint16(duid, 0));
  return type === undefined ? encodeHex(duid) : `${type} ${encodeHex(duid.subarray(2))}`;
}
