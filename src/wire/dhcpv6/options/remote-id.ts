/**
 * Relay Agent Remote-Id (37), RFC 4649 §3: a vendor-specific name of the subscriber's line.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import { readUint32, writeUint32 } from "../../octets.ts";

/** The name of a line, and the vendor that defined its format. */
export interface RemoteId {
  /** IANA enterprise number. */
  readonly enterprise: number;
  readonly remoteId: Uint8Array;
}

const remoteIdOffset = 4;

/**
 * Decodes a Remote-Id.
 *
 * @param data The option's data.
 * @returns Enterprise number and name; the name is a view of the data.
 * @throws {DecodeError} When the data is shorter than 5 octets.
 */
export function decodeRemoteId(data: Uint8Array): RemoteId {
  if (data.length <= remoteIdOffset) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode option 37: length is ${data.length}, expected at least 5`,
    );
  }
  return { enterprise: readUint32(data, 0), remoteId: data.subarray(remoteIdOffset) };
}

/**
 * Encodes a Remote-Id.
 *
 * @returns The option's data.
 * @throws {RangeError} When the name is empty.
 */
export function encodeRemoteId({ enterprise, remoteId }: RemoteId): Uint8Array {
  if (remoteId.length === 0)
    throw new RangeError("Cannot encode option 37: remote-id has 0 octets, expected at least 1");
  const data = new Uint8Array(remoteIdOffset + remoteId.length);
  writeUint32(data, 0, enterprise);
  data.set(remoteId, remoteIdOffset);
  return data;
}
