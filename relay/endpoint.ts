/**
 * Addresses with ports, as text: what sockets are bound to and what datagrams are sent to.
 *
 * @module
 */
import { isMulticast, parseIPv6 } from "../src/wire/ipv6-address.ts";

/** One end of a UDP datagram. */
export interface Endpoint {
  /** IPv6 address as text, with `%zone` when it is link-local or a multicast group of one link. */
  readonly address: string;
  readonly port: number;
}

/**
 * Formats an endpoint as it stands in a URL.
 *
 * @returns `[ADDRESS]:PORT`.
 */
export function formatEndpoint({ address, port }: Endpoint): string {
  return `[${address}]:${port}`;
}

/**
 * Takes the zone off an address.
 *
 * @param address IPv6 address as text, with or without `%zone`.
 */
export function hostOf(address: string): string {
  return address.split("%", 1)[0]!;
}

/**
 * Reads the zone of an address.
 *
 * @param address IPv6 address as text, with or without `%zone`.
 * @returns Name of the interface; undefined when the address has no zone.
 */
export function zoneOf(address: string): string | undefined {
  return address.split("%", 2)[1];
}

/**
 * Tells multicast groups from addresses of hosts.
 *
 * @param address IPv6 address as text, with or without `%zone`.
 * @throws {SyntaxError} When it is not one.
 */
export function isGroup(address: string): boolean {
  return isMulticast(parseIPv6(hostOf(address)));
}
