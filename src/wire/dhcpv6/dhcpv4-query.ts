/**
 * DHCPV4-QUERY and DHCPV4-RESPONSE: the DHCPv6 messages that carry DHCPv4 messages over IPv6 (RFC 7341 §6).
 *
 * @module
 */
import { DecodeError } from "../decode-error.ts";
import { MessageType6, OptionCode6 } from "./codes.ts";
import { decodeMessage6, encodeMessage6 } from "./message.ts";
import { takeOption6 } from "./options.ts";
import type { Option6 } from "./options.ts";

/** A client's DHCPv4 message, its U flag and its DHCPv6 options. */
interface DhcpV4Query extends DhcpV4Response {
  /** The U flag: over IPv4 this message would have been unicast (RFC 7341 §8). It says nothing about IPv6. */
  readonly unicast: boolean;
}

/** A server's DHCPv4 message and its DHCPv6 options. */
interface DhcpV4Response {
  /** All DHCPv6 options except option 87. */
  readonly options: readonly Option6[];
  /** Content of option 87: the DHCPv4 message, starting at `op`. */
  readonly dhcpv4: Uint8Array;
}

/** U is the first bit of the flags. The other bits must be zero when sent and are ignored (R7341-6.3-01). */
const unicastFlag = 0x800000;

/**
 * Decodes a DHCPV4-QUERY.
 *
 * @param octets The DHCPv6 message.
 * @returns Views of the octets.
 * @throws {DecodeError} When the message has another type, or when option 87 is missing, repeated or empty.
 */
export function decodeDhcpV4Query(octets: Uint8Array): DhcpV4Query {
  const { flags, options, dhcpv4 } = decodeContent(octets, MessageType6.dhcpv4Query);
  return { unicast: (flags & unicastFlag) !== 0, options, dhcpv4 };
}

/**
 * Encodes a DHCPV4-QUERY.
 *
 * @returns The message, with option 87 last.
 * @throws {RangeError} When an option is too long.
 */
export function encodeDhcpV4Query({ unicast, options, dhcpv4 }: DhcpV4Query): Uint8Array {
  return encodeContent(MessageType6.dhcpv4Query, unicast ? unicastFlag : 0, options, dhcpv4);
}

/**
 * Decodes a DHCPV4-RESPONSE. The flags are ignored (R7341-6.4-01).
 *
 * @param octets The DHCPv6 message.
 * @returns Views of the octets.
 * @throws {DecodeError} When the message has another type, or when option 87 is missing, repeated or empty.
 */
export function decodeDhcpV4Response(octets: Uint8Array): DhcpV4Response {
  const { options, dhcpv4 } = decodeContent(octets, MessageType6.dhcpv4Response);
  return { options, dhcpv4 };
}

/**
 * Encodes a DHCPV4-RESPONSE.
 *
 * @returns The message, with all flags zero (R7341-6.4-01) and option 87 last.
 * @throws {RangeError} When an option is too long.
 */
export function encodeDhcpV4Response({ options, dhcpv4 }: DhcpV4Response): Uint8Array {
  return encodeContent(MessageType6.dhcpv4Response, 0, options, dhcpv4);
}

function decodeContent(octets: Uint8Array, type: number): DhcpV4Response & { readonly flags: number } {
  if (octets.length > 0 && octets[0] !== type) {
    throw new DecodeError(
      "unexpected-message-type",
      `Cannot decode DHCPv6 message: type is ${octets[0]!}, expected ${type}`,
    );
  }
  const message = decodeMessage6(octets);
  const { data, rest } = takeOption6(message.options, OptionCode6.dhcpv4Message, {
    absent: "no-dhcpv4-message",
    duplicate: "duplicate-dhcpv4-message",
  });
  if (data.length === 0) {
    throw new DecodeError(
      "no-dhcpv4-message",
      "Cannot decode option 87: it is empty, expected a DHCPv4 message",
    );
  }
  return { flags: message.flags, options: rest, dhcpv4: data };
}

function encodeContent(
  type: number,
  flags: number,
  options: readonly Option6[],
  dhcpv4: Uint8Array,
): Uint8Array {
  return encodeMessage6({
    type,
    flags,
    options: [...options, { code: OptionCode6.dhcpv4Message, data: dhcpv4 }],
  });
}
