/**
 * Hardware addresses of clients: htype, hlen and chaddr (RFC 2131 §2).
 *
 * @module
 */

/**
 * Length in octets of the IEEE addresses, by htype: Ethernet, IEEE 802, EUI-64. In the first octet of each, the lowest bit
 * marks a multicast address.
 */
const ieeeOctets: ReadonlyMap<number, number> = new Map([
  [1, 6],
  [6, 6],
  [27, 8],
]);

/** Group bit in the first octet of an IEEE address. */
const groupBit = 1;

/**
 * Checks whether a hardware address can tell one client from another. Devices without an address of their own send zeros
 * or ones, so several of them would pass as one client.
 *
 * @param htype Hardware type.
 * @param address The first hlen octets of chaddr.
 * @returns Whether the type is known to have addresses, and the address is one of a single device.
 */
export function isUsableHardwareAddress(htype: number, address: Uint8Array): boolean {
  if (htype === 0 || address.length === 0) return false;
  if (isConstant(address)) return false;
  const octets = ieeeOctets.get(htype);
  return octets === undefined || (address.length === octets && (address[0]! & groupBit) === 0);
}

/**
 * Checks whether several devices have one and the same address, because they have none of their own. Unlike
 * {@link isUsableHardwareAddress}, it takes any length: the address is a part of something longer.
 *
 * @param htype Hardware type.
 * @param address The octets after the type.
 * @returns Whether the address consists of zeros or ones, or is one of a multicast group.
 */
export function isSharedHardwareAddress(htype: number, address: Uint8Array): boolean {
  return isConstant(address) || (address.length === ieeeOctets.get(htype) && (address[0]! & groupBit) !== 0);
}

/** Checks whether octets, from an offset on, are all zeros or all ones. Without octets they are. */
export function isConstant(octets: Uint8Array, offset = 0): boolean {
  const first = octets[offset];
  if (first !== undefined && first !== 0 && first !== 0xff) return false;
  for (let index = offset + 1; index < octets.length; index++) if (octets[index] !== first) return false;
  return true;
}
