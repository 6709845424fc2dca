/**
 * Client Identifier (61), RFC 2132 §9.14, in the form of RFC 4361 §6.1: an IAID and the client's DUID.
 *
 * Leases are found by the octets of the option alone. What is here is for those who make an identifier, and for
 * those who read one.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import { duidLengths, isDuidLength } from "../../duid.ts";
import { readUint32, writeUint32 } from "../../octets.ts";

/** What the octets say, as far as they follow RFC 4361. */
type ClientIdentifier =
  | { readonly kind: "rfc4361"; readonly iaid: number; readonly duid: Uint8Array }
  | { readonly kind: "other"; readonly type: number; readonly value: Uint8Array };

/** Octets of option 61: a type and one octet more (RFC 2132 §9.14). */
export const clientIdentifierOctetsMin = 2;

/** The type octet of RFC 4361. */
const rfc4361Type = 255;
const duidOffset = 5;

/** @throws {DecodeError} When it is shorter than {@link clientIdentifierOctetsMin}. */
export function decodeClientIdentifier(data: Uint8Array): ClientIdentifier {
  if (data.length < clientIdentifierOctetsMin) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode option 61: length is ${data.length}, expected at least ${clientIdentifierOctetsMin}`,
    );
  }
  const type = data[0]!;
  if (type !== rfc4361Type || !isDuidLength(data.length - duidOffset)) {
    return { kind: "other", type, value: data.subarray(1) };
  }
  return { kind: "rfc4361", iaid: readUint32(data, 1), duid: data.subarray(duidOffset) };
}

/**
 * @param iaid Unsigned 32-bit integer: one for each interface of a client.
 * @param duid As in the client's DHCPv6, with its type.
 * @throws {RangeError} When the DUID is too short or too long.
 */
export function encodeClientIdentifier({
  iaid,
  duid,
}: {
  readonly iaid: number;
  readonly duid: Uint8Array;
}): Uint8Array {
  if (!isDuidLength(duid.length)) {
    throw new RangeError(
      `Cannot encode option 61: the DUID has ${duid.length} octets, expected ${duidLengths}`,
    );
  }
  const data = new Uint8Array(duidOffset + duid.length);
  data[0] = rfc4361Type;
  writeUint32(data, 1, iaid);
  data.set(duid, duidOffset);
  return data;
}
