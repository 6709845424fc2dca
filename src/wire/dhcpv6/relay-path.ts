/**
 * A relay path as it is stored: each level a RELAY-FORW without its Relay Message, one behind the other as frames.
 *
 * @module
 */
import { relayLevelsMax } from "../../limits.ts";
import { DecodeError } from "../decode-error.ts";
import { decodeFrames, encodeFrames } from "../frames.ts";
import { MessageType6 } from "./codes.ts";
import { decodeOptions6, optionsOctets, writeOptions6 } from "./options.ts";
import type { RelayLevel } from "./relay.ts";

const headerOctets = 34;

/** @param path Outermost level first. */
export function encodeRelayPathRecord(path: readonly RelayLevel[]): Uint8Array {
  return encodeFrames(
    path.map(({ hopCount, linkAddress, peerAddress, options }) => {
      const octets = new Uint8Array(headerOctets + optionsOctets(options));
      octets[0] = MessageType6.relayForward;
      octets[1] = hopCount;
      octets.set(linkAddress, 2);
      octets.set(peerAddress, 18);
      writeOptions6(octets, headerOctets, options);
      return octets;
    }),
  );
}

/** @throws {DecodeError} When the octets are no such record. */
export function decodeRelayPathRecord(octets: Uint8Array): RelayLevel[] {
  return decodeFrames(octets, relayLevelsMax).map((frame) => {
    if (frame.length < headerOctets) {
      throw new DecodeError(
        "message-truncated",
        `Cannot decode relay path record: found ${frame.length} octets, expected at least ${headerOctets}`,
      );
    }
    return {
      hopCount: frame[1]!,
      linkAddress: frame.subarray(2, 18),
      peerAddress: frame.subarray(18, headerOctets),
      options: decodeOptions6(frame, headerOctets),
    };
  });
}
