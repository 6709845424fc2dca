/**
 * Addresses and ports of sockets and datagrams, as text.
 *
 * @module
 */
import { isMulticast, parseIPv6 } from "../src/wire/ipv6-address.ts";

/** Source or destination of a UDP datagram. */
export interface Endpoint {
  /** IPv6 address as text, with `%zone` if it is link-local or a multicast group. */
  readonly address: string;
  readonly port: number;
}

/**
 * Formats an endpoint as in a URL.
 *
 * @returns `[ADDRESS]:PORT`.
 */
export function formatEndpoint({ address, port }: Endpoint): string {
  return `[${address}]:${port}`;
}

/**
 * Removes the zone from an address.
 *
 * @param address IPv6 address as text, with or without `%zone`.
 */
export function hostOf(address: string): string {
  return address.split("%", 1)[0]!;
}

/**
 * Extracts the zone of an address.
 *
 * @param address IPv6 address as text, with or without `%zone`.
 * @returns Name of the interface; undefined if the address has no zone.
 */
export function zoneOf(address: string): string | undefined {
  return address.split("%", 2)[1];
}

/**
 * Checks whether an address is a multicast group.
 *
 * @param address IPv6 address as text, with or without `%zone`.
 * @throws {SyntaxError} If it is not an IPv6 address.
 */
export function isGroup(address: string): boolean {
  return isMulticast(parseIPv6(hostOf(address)));
}
