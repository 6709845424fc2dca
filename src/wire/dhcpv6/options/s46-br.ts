/**
 * S46_BR (90), RFC 7598 §4.2: the address of the lwAFTR or border relay. It may stand alone since RFC 8539.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { ipv6Octets } from "../../ipv6-address.ts";

/** @throws {DecodeError} When it is not 16 octets. */
export function decodeS46Br(data: Uint8Array): Uint8Array {
  assertLength("option 90", data, ipv6Octets);
  return data;
}

/** @throws {RangeError} When it is not 16 octets. */
export function encodeS46Br(address: Uint8Array): Uint8Array {
  if (address.length !== ipv6Octets) {
    throw new RangeError(`Cannot encode option 90: length is ${address.length}, expected ${ipv6Octets}`);
  }
  return address;
}
