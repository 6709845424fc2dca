/**
 * Messages between client and server (RFC 8415 §8): a type, 24 bits, and options. The 24 bits are a transaction-id,
 * except in DHCPV4-QUERY and DHCPV4-RESPONSE, where they are flags (RFC 7341 §6).
 *
 * @module
 */
import { DecodeError } from "../decode-error.ts";
import { allocateOctets, readUint32, writeUint32 } from "../octets.ts";
import { decodeOptions6, optionsOctets, writeOptions6 } from "./options.ts";
import type { Option6 } from "./options.ts";

/** A message between client and server, not a relay message. */
interface Message6 {
  readonly type: number;
  /** 24 bits: the transaction-id, or the flags of types 20 and 21. */
  readonly flags: number;
  readonly options: readonly Option6[];
}

/** Octets before the options of a message between client and server. */
export const messageHeaderOctets = 4;

/**
 * Decodes a client or server message.
 *
 * @param octets The message, starting at its type.
 * @returns Views of the octets.
 * @throws {DecodeError} When the message is shorter than its header, or its options are malformed.
 */
export function decodeMessage6(octets: Uint8Array): Message6 {
  if (octets.length < messageHeaderOctets) {
    throw new DecodeError(
      "message-truncated",
      `Cannot decode DHCPv6 message: found ${octets.length} octets, expected at least ${messageHeaderOctets}`,
    );
  }
  const header = readUint32(octets, 0);
  return {
    type: header >>> 24,
    flags: header & 0xffffff,
    options: decodeOptions6(octets, messageHeaderOctets),
  };
}

/**
 * Encodes a client or server message.
 *
 * @returns The message, starting at its type.
 * @throws {RangeError} When an option is longer than 65535 octets.
 */
export function encodeMessage6({ type, flags, options }: Message6): Uint8Array {
  const octets = allocateOctets(messageHeaderOctets + optionsOctets(options));
  writeUint32(octets, 0, ((type << 24) | flags) >>> 0);
  writeOptions6(octets, messageHeaderOctets, options);
  return octets;
}
