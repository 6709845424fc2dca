/**
 * Messages that no encoder would make: their octets are changed after the fact.
 *
 * @module
 */
import { decodeDhcpV4Query, encodeDhcpV4Query } from "../../src/wire/dhcpv6/dhcpv4-query.ts";

/** Changes the octets of the DHCPv4 message within a DHCPV4-QUERY. */
export function changeDhcpV4(query: Uint8Array, change: (dhcpv4: Uint8Array) => Uint8Array): Uint8Array {
  const { dhcpv4, ...rest } = decodeDhcpV4Query(query);
  return encodeDhcpV4Query({ ...rest, dhcpv4: change(dhcpv4) });
}

const optionsOffset = 240;

/** @returns The message with octets of options before those that it has. */
export function putOptionsFirst(dhcpv4: Uint8Array, options: readonly number[]): Uint8Array {
  return Uint8Array.from([
    ...dhcpv4.subarray(0, optionsOffset),
    ...options,
    ...dhcpv4.subarray(optionsOffset),
  ]);
}

/** @returns A field of a header: octets, and zeros behind them. */
export function fieldOf(length: number, octets: readonly number[]): Uint8Array {
  const field = new Uint8Array(length);
  field.set(octets);
  return field;
}
