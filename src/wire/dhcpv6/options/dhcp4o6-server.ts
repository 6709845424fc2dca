/**
 * DHCP 4o6 Server Address (88), RFC 7341 §7.2: sent by DHCPv6 servers, it allows a client to use 4o6.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import { ipv6Octets } from "../../ipv6-address.ts";

/**
 * @returns Addresses to send queries to. None means the multicast group of all relays and servers.
 * @throws {DecodeError} When its length is no multiple of 16.
 */
export function decodeDhcp4o6Server(data: Uint8Array): Uint8Array[] {
  if (data.length % ipv6Octets !== 0) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode option 88: length is ${data.length}, expected n * 16`,
    );
  }
  return Array.from({ length: data.length / ipv6Octets }, (_, index) =>
    data.subarray(index * ipv6Octets, (index + 1) * ipv6Octets),
  );
}

/** @throws {RangeError} When one is not 16 octets. */
export function encodeDhcp4o6Server(addresses: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(addresses.length * ipv6Octets);
  for (const [index, address] of addresses.entries()) {
    if (address.length !== ipv6Octets) {
      throw new RangeError(
        `Cannot encode option 88: address ${index} has ${address.length} octets, expected 16`,
      );
    }
    data.set(address, index * ipv6Octets);
  }
  return data;
}
