/**
 * The slots of a pool. A slot is what one lease takes: an address and one of its usable PSIDs. Slots are numbered
 * from 0 without gaps, so a pool of millions is a few numbers.
 *
 * The numbers are in fill order: slot n is the n-th that is taken. So what is next is the number after the last, and
 * leases that are made one after the other lie side by side in the database.
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

/** How new slots are taken: fewest subscribers per address first, or one address after the other. */
export type FillOrder = "spread" | "pack";

/** What a pool is made of; it never changes. */
export interface PoolGeometrySpec extends PortSetParams {
  /** IPv4, both ends included. */
  readonly firstAddress: number;
  readonly lastAddress: number;
  /** Ports that no client gets. */
  readonly reservedPorts: readonly PortRange[];
  readonly fill: FillOrder;
}

/** A pool, with all that its arithmetic needs. */
export interface PoolGeometry extends PortSetParams {
  readonly firstAddress: number;
  readonly lastAddress: number;
  /** Usable PSIDs of every address, ascending. */
  readonly psids: Uint16Array;
  /** Addresses × usable PSIDs. */
  readonly slots: number;
  readonly fill: FillOrder;
}

/**
 * Works out the slots of a pool.
 *
 * @throws {RangeError} When the range is empty, the parameters don't fit in a port, reserved ports leave no PSID, or
 *   there are more slots than can be numbered.
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
      `Cannot create a pool: it would have ${slots} slots, expected at most ${slotsPerPool}; divide its range`,
    );
  }
  return { firstAddress, lastAddress, psidOffset, psidLength, psids, slots, fill };
}

/**
 * Finds the slot of an address and a PSID.
 *
 * @returns The slot number, or undefined when the pool has no such pair.
 */
export function slotOf(geometry: PoolGeometry, address: number, psid: number): number | undefined {
  if (address < geometry.firstAddress || address > geometry.lastAddress) return undefined;
  const psidIndex = indexOfPsid(geometry.psids, psid);
  if (psidIndex === undefined) return undefined;
  const { first, step } = slotsOfAddress(geometry, address);
  return first + psidIndex * step;
}

/**
 * Lists the slots of one address: as many as there are usable PSIDs, in their order.
 *
 * @param address One of the pool's.
 * @returns The first slot, and the distance from one to the next.
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

/** The list is sorted; with reserved ports at the lower end only, a PSID stands at a fixed distance. */
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
 * Says which pair a slot is.
 *
 * @throws {RangeError} When the pool has no such slot.
 */
export function pairOf(
  geometry: PoolGeometry,
  slot: number,
): { readonly address: number; readonly psid: number } {
  const { firstAddress, lastAddress, psids, slots, fill } = geometry;
  if (!Number.isInteger(slot) || slot < 0 || slot >= slots) {
    throw new RangeError(`Cannot name slot ${slot}: the pool has 0..${slots - 1}`);
  }
  const addresses = lastAddress - firstAddress + 1;
  const [addressIndex, psidIndex] =
    fill === "pack"
      ? [Math.floor(slot / psids.length), slot % psids.length]
      : [slot % addresses, Math.floor(slot / addresses)];
  return { address: firstAddress + addressIndex, psid: psids[psidIndex]! };
}
