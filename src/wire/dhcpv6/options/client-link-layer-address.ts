/**
 * Client Link-Layer Address (79), RFC 6939 §4: what the relay next to the client saw.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import { readUint16, writeUint16 } from "../../octets.ts";

/** An address and its kind. */
export interface LinkLayerAddress {
  /** As `htype` in DHCPv4: 1 is Ethernet. */
  readonly hardwareType: number;
  readonly address: Uint8Array;
}

const addressOffset = 2;

/** @throws {DecodeError} When it is shorter than 3 octets. */
export function decodeClientLinkLayerAddress(data: Uint8Array): LinkLayerAddress {
  if (data.length <= addressOffset) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode option 79: length is ${data.length}, expected at least 3`,
    );
  }
  return { hardwareType: readUint16(data, 0), address: data.subarray(addressOffset) };
}

/** @throws {RangeError} When the address is empty. */
export function encodeClientLinkLayerAddress({ hardwareType, address }: LinkLayerAddress): Uint8Array {
  if (address.length === 0)
    throw new RangeError("Cannot encode option 79: address has 0 octets, expected at least 1");
  const data = new Uint8Array(addressOffset + address.length);
  writeUint16(data, 0, hardwareType);
  data.set(address, addressOffset);
  return data;
}
