/**
 * DHCP 4o6 Softwire Source Address (109), RFC 8539 §7: the IPv6 address that the client uses as its end of the
 * softwire.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { ipv6Octets } from "../../ipv6-address.ts";

/**
 * Decodes the softwire source address.
 *
 * @param data The option's data.
 * @returns The address: the same 16 octets.
 * @throws {DecodeError} When the data is not 16 octets long.
 */
export function decodeSoftwireSourceAddress(data: Uint8Array): Uint8Array {
  assertLength("option 109", data, ipv6Octets);
  return data;
}

/**
 * Encodes the softwire source address.
 *
 * @param address 16 octets.
 * @returns The option's data: the same octets.
 * @throws {RangeError} When the address is not 16 octets long.
 */
export function encodeSoftwireSourceAddress(address: Uint8Array): Uint8Array {
  if (address.length !== ipv6Octets) {
    throw new RangeError(`Cannot encode option 109: length is ${address.length}, expected ${ipv6Octets}`);
  }
  return address;
}
