/**
 * DHCP 4o6 Server Address (88), RFC 7341 §7.2: a DHCPv6 server sends it to allow a client to use DHCP 4o6.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import { ipv6Octets } from "../../ipv6-address.ts";

/**
 * Decodes the list of 4o6 servers.
 *
 * @param data The option's data.
 * @returns Addresses to send queries to. An empty list means the multicast group of all relays and servers.
 * @throws {DecodeError} When the length of the data is not a multiple of 16.
 */
export function decodeDhcp4o6Server(data: Uint8Array): Uint8Array[] {
  if (data.length % ipv6Octets !== 0) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode option 88: length is ${data.length}, expected a multiple of 16`,
    );
  }
  return Array.from({ length: data.length / ipv6Octets }, (_, index) =>
    data.subarray(index * ipv6Octets, (index + 1) * ipv6Octets),
  );
}

/**
 * Encodes a list of 4o6 servers.
 *
 * @param addresses IPv6 addresses, 16 octets each.
 * @returns The option's data.
 * @throws {RangeError} When an address is not 16 octets long.
 */
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
