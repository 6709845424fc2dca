/**
 * Concatenated messages, each prefixed with a two-octet length. RFC 5460 §5.1 defines this framing for DHCPv6 over
 * TCP; here it is used in HTTP bodies and in stored relay paths.
 *
 * @module
 */
import { messageOctetsMax } from "../limits.ts";
import { DecodeError } from "./decode-error.ts";
import { readUint16, writeUint16 } from "./octets.ts";

const lengthOctets = 2;

/**
 * Encodes messages as frames.
 *
 * @param messages Messages of at most 65535 octets each.
 * @returns The concatenated frames.
 * @throws {RangeError} When a message is longer.
 */
export function encodeFrames(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const message of messages) {
    if (message.length > messageOctetsMax) {
      throw new RangeError(
        `Cannot frame a message: it has ${message.length} octets, expected at most ${messageOctetsMax}`,
      );
    }
    size += lengthOctets + message.length;
  }
  const body = new Uint8Array(size);
  let offset = 0;
  for (const message of messages) {
    writeUint16(body, offset, message.length);
    body.set(message, offset + lengthOctets);
    offset += lengthOctets + message.length;
  }
  return body;
}

/**
 * Splits concatenated frames into messages.
 *
 * @param body The concatenated frames.
 * @param framesMax Largest number of frames to accept.
 * @returns One view of the body for each message.
 * @throws {DecodeError} `bad-frame` when the body ends within a frame, `too-many-frames` when there are more than
 *   `framesMax`.
 */
export function decodeFrames(body: Uint8Array, framesMax: number): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let offset = 0;
  while (offset < body.length) {
    if (messages.length === framesMax) {
      throw new DecodeError(
        "too-many-frames",
        `Cannot split frames: found more than ${framesMax}, expected at most ${framesMax}`,
      );
    }
    const start = offset + lengthOctets;
    const length = start <= body.length ? readUint16(body, offset) : 0;
    if (start + length > body.length) {
      throw new DecodeError(
        "bad-frame",
        `Cannot split frames: frame ${messages.length} at octet ${offset} has ${body.length - offset} octets, expected ${lengthOctets + length}`,
      );
    }
    messages.push(body.subarray(start, start + length));
    offset = start + length;
  }
  return messages;
}
