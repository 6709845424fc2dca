/**
 * S46_BIND_IPV6_PREFIX (137), RFC 8539 §6.1: the prefix from which the client chooses its softwire address.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import { ipv6Octets, maskIPv6 } from "../../ipv6-address.ts";
import type { IPv6Prefix } from "../../ipv6-address.ts";

const octetsOf = (bits: number): number => Math.ceil(bits / 8);

/**
 * Decodes the bind prefix.
 *
 * @param data The option's data.
 * @returns The prefix; bits after its length are cleared.
 * @throws {DecodeError} When the prefix length is above 128 bits, or does not match the length of the data.
 */
export function decodeS46BindPrefix(data: Uint8Array): IPv6Prefix {
  const length = data[0];
  if (length === undefined || length > 128 || data.length !== 1 + octetsOf(length)) {
    throw new DecodeError(
      length !== undefined && length > 128 ? "bad-option-value" : "bad-option-length",
      `Cannot decode option 137: prefix length is ${length ?? "absent"} in ${data.length} octets, expected 0..128 and exactly the octets that it needs`,
    );
  }
  const address = new Uint8Array(ipv6Octets);
  address.set(data.subarray(1));
  return { address: maskIPv6(address, length), length };
}

/**
 * Encodes the bind prefix.
 *
 * @param prefix Only the octets that its length needs are encoded.
 * @returns The option's data.
 */
export function encodeS46BindPrefix({ address, length }: IPv6Prefix): Uint8Array {
  const data = new Uint8Array(1 + octetsOf(length));
  data[0] = length;
  data.set(maskIPv6(address, length).subarray(0, octetsOf(length)), 1);
  return data;
}
