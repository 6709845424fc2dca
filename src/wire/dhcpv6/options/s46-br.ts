/**
 * S46_BR (90), RFC 7598 §4.2: the address of the lwAFTR or border relay. RFC 8539 allows it outside a container.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { ipv6Octets } from "../../ipv6-address.ts";

/**
 * Decodes the address of a border relay.
 *
 * @param data The option's data.
 * @returns The address: the same 16 octets.
 * @throws {DecodeError} When the data is not 16 octets long.
 */
export function decodeS46Br(data: Uint8Array): Uint8Array {
  assertLength("option 90", data, ipv6Octets);
  return data;
}

/**
 * Encodes the address of a border relay.
 *
 * @param address 16 octets.
 * @returns The option's data: the same octets.
 * @throws {RangeError} When the address is not 16 octets long.
 */
export function encodeS46Br(address: Uint8Array): Uint8Array {
  if (address.length !== ipv6Octets) {
    throw new RangeError(`Cannot encode option 90: length is ${address.length}, expected ${ipv6Octets}`);
  }
  return address;
}
