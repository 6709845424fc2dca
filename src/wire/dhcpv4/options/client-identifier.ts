/**
 * Client Identifier (61), RFC 2132 §9.14, in the form of RFC 4361 §6.1: an IAID and the client's DUID.
 *
 * The server looks leases up by the raw octets of the option. This codec serves code that creates an identifier, displays
 * one, or has to know whether it is one of a single device.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import { duidLengths, isDuidLength } from "../../duid.ts";
import { readUint16, readUint32, writeUint32 } from "../../octets.ts";
import { isConstant, isSharedHardwareAddress } from "../hardware-address.ts";

/** A decoded identifier: IAID and DUID when it follows RFC 4361, otherwise its type and value. */
type ClientIdentifier =
  | { readonly kind: "rfc4361"; readonly iaid: number; readonly duid: Uint8Array }
  | { readonly kind: "other"; readonly type: number; readonly value: Uint8Array };

/** Minimum length of option 61 in octets: a type and at least one more octet (RFC 2132 §9.14). */
export const clientIdentifierOctetsMin = 2;

/** The type octet that RFC 4361 §6.1 assigns. */
const rfc4361Type = 255;
const duidOffset = 5;
/** Type of a DUID-LL (RFC 8415 §11.4): hardware type and address follow. */
const duidLinkLayer = 3;
const duidTypeOctets = 2;
const htypeOctets = 2;

/**
 * Decodes a client identifier.
 *
 * @param data The option's data.
 * @returns IAID and DUID, or type and value when the octets do not follow RFC 4361.
 * @throws {DecodeError} When the data is shorter than {@link clientIdentifierOctetsMin}.
 */
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
 * Encodes a client identifier in the form of RFC 4361 §6.1.
 *
 * @param iaid Unsigned 32-bit integer, different for each interface of a client.
 * @param duid The DUID that the client uses in DHCPv6, including its type.
 * @returns The option's data.
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

/**
 * Checks whether several devices send one and the same identifier, because it is made of a hardware address or number
 * that they do not have.
 *
 * @param data The option's data, at least {@link clientIdentifierOctetsMin} octets.
 * @returns Whether the part that identifies the device is all zeros, all ones or a multicast address. The IAID does not
 *   count: it only distinguishes the interfaces of one device.
 */
export function isSharedClientIdentifier(data: Uint8Array): boolean {
  const decoded = decodeClientIdentifier(data);
  if (decoded.kind === "other") return isSharedHardwareAddress(decoded.type, decoded.value);
  const { duid } = decoded;
  if (isConstant(duid) || isConstant(duid, duidTypeOctets)) return true;
  // The time of a DUID-LLT differs between devices, even if its address does not.
  return (
    duid.length >= duidTypeOctets + htypeOctets &&
    readUint16(duid, 0) === duidLinkLayer &&
    isSharedHardwareAddress(readUint16(duid, duidTypeOctets), duid.subarray(duidTypeOctets + htypeOctets))
  );
}
