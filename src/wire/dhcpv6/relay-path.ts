/**
 * A relay path as the database stores it: concatenated frames, one per level. Each frame is a RELAY-FORW without its
 * Relay Message.
 *
 * @module
 */
import { relayLevelsMax } from "../../limits.ts";
import { DecodeError } from "../decode-error.ts";
import { decodeFrames, encodeFrames } from "../frames.ts";
import { allocateOctets } from "../octets.ts";
import { MessageType6 } from "./codes.ts";
import { decodeOptions6, optionsOctets, writeOptions6 } from "./options.ts";
import { readRelayHeader, relayHeaderOctets, writeRelayHeader } from "./relay.ts";
import type { RelayLevel } from "./relay.ts";

/**
 * Encodes a relay path as a record.
 *
 * @param path Relay path, outermost level first.
 * @returns The record.
 * @throws {RangeError} When an option or a level is longer than 65535 octets.
 */
export function encodeRelayPathRecord(path: readonly RelayLevel[]): Uint8Array {
  return encodeFrames(
    path.map((level) => {
      const octets = allocateOctets(relayHeaderOctets + optionsOctets(level.options));
      const offset = writeRelayHeader(octets, 0, MessageType6.relayForward, level);
      writeOptions6(octets, offset, level.options);
      return octets;
    }),
  );
}

/**
 * Decodes a relay path record.
 *
 * @param octets A record, as {@link encodeRelayPathRecord} writes it.
 * @returns The relay path, outermost level first.
 * @throws {DecodeError} When the octets are not such a record.
 */
export function decodeRelayPathRecord(octets: Uint8Array): RelayLevel[] {
  return decodeFrames(octets, relayLevelsMax).map((frame) => {
    if (frame.length < relayHeaderOctets) {
      throw new DecodeError(
        "message-truncated",
        `Cannot decode relay path record: found ${frame.length} octets, expected at least ${relayHeaderOctets}`,
      );
    }
    return { ...readRelayHeader(frame), options: decodeOptions6(frame, relayHeaderOctets) };
  });
}
