/**
 * Makes messages that our encoders can't make, by changing encoded octets.
 *
 * @module
 */
import { decodeDhcpV4Query, encodeDhcpV4Query } from "../../src/wire/dhcpv6/dhcpv4-query.ts";

/** Changes the octets of the DHCPv4 message within a DHCPV4-QUERY. */
export function changeDhcpV4(query: Uint8Array, change: (dhcpv4: Uint8Array) => Uint8Array): Uint8Array {
  const { dhcpv4, ...rest } = decodeDhcpV4Query(query);
  return encodeDhcpV4Query({ ...rest, dhcpv4: change(dhcpv4) });
}

/** Where options start: after the BOOTP header (236 octets) and the magic cookie (4 octets). */
const optionsOffset = 240;

/** @returns The message with options inserted before its own. */
export function putOptionsFirst(dhcpv4: Uint8Array, options: readonly number[]): Uint8Array {
  return Uint8Array.from([
    ...dhcpv4.subarray(0, optionsOffset),
    ...options,
    ...dhcpv4.subarray(optionsOffset),
  ]);
}

/** @returns A header field of a length: the octets, padded with zeros. */
export function fieldOf(length: number, octets: readonly number[]): Uint8Array {
  const field = new Uint8Array(length);
  field.set(octets);
  return field;
}
