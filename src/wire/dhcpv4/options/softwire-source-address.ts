/**
 * DHCP 4o6 Softwire Source Address (109), RFC 8539 §7: the IPv6 address from which the client tunnels.
 *
 * @module
 */
import { assertLength } from "../../decode-error.ts";
import { ipv6Octets } from "../../ipv6-address.ts";

/** @throws {DecodeError} When it is not 16 octets. */
export function decodeSoftwireSourceAddress(data: Uint8Array): Uint8Array {
  assertLength("option 109", data, ipv6Octets);
  return data;
}

/** @throws {RangeError} When it is not 16 octets. */
export function encodeSoftwireSourceAddress(address: Uint8Array): Uint8Array {
  if (address.length !== ipv6Octets) {
    throw new RangeError(`Cannot encode option 109: length is ${address.length}, expected ${ipv6Octets}`);
  }
  return address;
}
