/**
 * The slots of a pool. One lease takes one slot: an address and one of its usable PSIDs. Slots are numbered from 0
 * without gaps, so a pool with millions of slots is described by a few numbers.
 *
 * Slots are numbered in fill order: slot n is the n-th to be leased. The next new slot is therefore the one after the
 * last, and leases that are created one after another are neighbours in the database.
 *
 * @example
 * ```ts
 * const geometry = createPoolGeometry({ firstAddress: 0xc0000200, lastAddress: 0xc00002ff,
 *   psidOffset: 0, psidLength: 6, reservedPorts: [{ first: 0, last: 1023 }], fill: "spread" });
 * geometry.slots; // 256 addresses × 63 PSIDs = 16128
 * pairOf(geometry, 1); // { address: 0xc0000201, psid: 1 }
 * ```
 *
 * @module
 */
import { assertPortSetParams, usablePsids } from "./port-set.ts";
import type { PortRange, PortSetParams } from "./port-set.ts";
import { slotsPerPool } from "./slot-key.ts";

/** Order in which new slots are leased: `spread` keeps subscribers per address low, `pack` fills address by address. */
export type FillOrder = "spread" | "pack";

/** The definition of a pool's slots; it never changes. */
export interface PoolGeometrySpec extends PortSetParams {
  /** First and last IPv4 address, both included. */
  readonly firstAddress: number;
  readonly lastAddress: number;
  /** Ports that are never leased. */
  readonly reservedPorts: readonly PortRange[];
  readonly fill: FillOrder;
}

/** The slots of a pool, with the values needed to compute them. */
export interface PoolGeometry extends PortSetParams {
  readonly firstAddress: number;
  readonly lastAddress: number;
  /** Usable PSIDs, ascending; they are the same for every address. */
  readonly psids: Uint16Array;
  /** Number of slots: addresses × usable PSIDs. */
  readonly slots: number;
  readonly fill: FillOrder;
}

/**
 * Computes the slots of a pool.
 *
 * @param spec Definition of the pool.
 * @returns The geometry of the pool.
 * @throws {RangeError} When the range is empty, the parameters do not fit in a 16-bit port, the reserved ports leave
 *   no usable PSID, or there are more than 2^32 slots.
 */
export function createPoolGeometry(spec: PoolGeometrySpec): PoolGeometry {
  assertPortSetParams(spec);
  const { firstAddress, lastAddress, psidOffset, psidLength, reservedPorts, fill } = spec;
  if (!(firstAddress >= 0 && firstAddress <= lastAddress && lastAddress <= 0xffffffff)) {
    throw new RangeError(
      `Cannot create a pool: range is ${firstAddress}..${lastAddress}, expected IPv4 addresses in order`,
    );
  }
  const psids = usablePsids(spec, reservedPorts);
  if (psids.length === 0) {
    const why = psidOffset >= 7 ? "; offsets 7 to 15 put system ports into every port set" : "";
    throw new RangeError(
      `Cannot create a pool: psidOffset ${psidOffset} and psidLength ${psidLength} leave no PSID without a reserved port${why}`,
    );
  }
  const slots = (lastAddress - firstAddress + 1) * psids.length;
  if (slots > slotsPerPool) {
    throw new RangeError(
      `Cannot create a pool: it would have ${slots} slots, expected at most ${slotsPerPool}; split its range into several pools`,
    );
  }
  return { firstAddress, lastAddress, psidOffset, psidLength, psids, slots, fill };
}

/**
 * Finds the slot of an address and a PSID.
 *
 * @param geometry Geometry of the pool.
 * @param address IPv4 address, as an unsigned 32-bit integer.
 * @param psid Right-justified PSID; 0 for a full address.
 * @returns The slot number, or undefined when the pool does not contain the pair.
 */
export function slotOf(geometry: PoolGeometry, address: number, psid: number): number | undefined {
  if (address < geometry.firstAddress || address > geometry.lastAddress) return undefined;
  const psidIndex = indexOfPsid(geometry.psids, psid);
  if (psidIndex === undefined) return undefined;
  const { first, step } = slotsOfAddress(geometry, address);
  return first + psidIndex * step;
}

/**
 * Locates the slots of one address: one slot per usable PSID, in the order of the PSIDs.
 *
 * @param address An address of the pool.
 * @returns The first slot, and the distance from one slot to the next.
 */
export function slotsOfAddress(
  { firstAddress, lastAddress, psids, fill }: PoolGeometry,
  address: number,
): { readonly first: number; readonly step: number } {
  const addressIndex = address - firstAddress;
  return fill === "pack"
    ? { first: addressIndex * psids.length, step: 1 }
    : { first: addressIndex, step: lastAddress - firstAddress + 1 };
}

/**
 * Finds the index of a PSID in the sorted list. Usually only the lowest PSIDs are reserved; then the index is the
 * distance from the first PSID, so this guess comes before the binary search.
 */
function indexOfPsid(psids: Uint16Array, psid: number): number | undefined {
  const guess = psid - psids[0]!;
  if (psids[guess] === psid) return guess;
  let [low, high] = [0, psids.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = psids[middle]!;
    if (found === psid) return middle;
    if (found < psid) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

/**
 * Finds the address and the PSID of a slot.
 *
 * @param geometry Geometry of the pool.
 * @param slot Slot number within the pool.
 * @returns The address and the right-justified PSID; PSID 0 in a full pool.
 * @throws {RangeError} When the pool has no such slot.
 */
export function pairOf(
  geometry: PoolGeometry,
  slot: number,
): { readonly address: number; readonly psid: number } {
  const { firstAddress, lastAddress, psids, slots, fill } = geometry;
  if (!Number.isInteger(slot) || slot < 0 || slot >= slots) {
    throw new RangeError(`Cannot find the pair of a slot: slot is ${slot}, expected 0..${slots - 1}`);
  }
  const addresses = lastAddress - firstAddress + 1;
  const [addressIndex, psidIndex] =
    fill === "pack"
      ? [Math.floor(slot / psids.length), slot % psids.length]
      : [slot % addresses, Math.floor(slot / addresses)];
  return { address: firstAddress + addressIndex, psid: psids[psidIndex]! };
}
