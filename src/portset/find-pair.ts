/**
 * Lookup of the pool that contains a pair (an address with a PSID, or a full address), and of the slot of a pool that
 * has an address and a port.
 *
 * @module
 */
import { slotOf } from "./pool-geometry.ts";
import type { PoolGeometry } from "./pool-geometry.ts";
import { psidOfPort } from "./port-set.ts";

/** A pool and the number of one of its slots. */
export interface FoundPair<P> {
  readonly pool: P;
  /** Number of the slot within the pool. */
  readonly number: number;
}

interface WithGeometry {
  readonly geometry: PoolGeometry;
}

/**
 * The pools of each list, ordered by address. Lists of pools do not change, so each is ordered once, and a search takes
 * about as long in a thousand pools as in one.
 */
const ordered = new WeakMap<readonly WithGeometry[], readonly WithGeometry[]>();

function byAddress<P extends WithGeometry>(pools: readonly P[]): readonly P[] {
  const known = ordered.get(pools) as readonly P[] | undefined;
  if (known !== undefined) return known;
  const sorted = [...pools].sort((a, b) => a.geometry.firstAddress - b.geometry.firstAddress);
  ordered.set(pools, sorted);
  return sorted;
}

/**
 * Finds the last pool that begins at or before an address.
 *
 * @param pools Pools to search; the list must not change afterwards.
 * @param address IPv4 address, as an unsigned 32-bit integer.
 * @returns The pool, which need not contain the address; undefined when all pools begin after it.
 */
export function findPoolBefore<P extends WithGeometry>(pools: readonly P[], address: number): P | undefined {
  const sorted = byAddress(pools);
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]!.geometry.firstAddress <= address) low = middle + 1;
    else high = middle;
  }
  return sorted[low - 1];
}

/**
 * Finds the pool whose range contains an address. The ranges of pools never overlap, so at most one pool contains it.
 *
 * @param pools Pools to search; the list must not change afterwards.
 * @param address IPv4 address, as an unsigned 32-bit integer.
 * @returns The pool, or undefined when no range contains the address.
 */
export function findPoolAt<P extends WithGeometry>(pools: readonly P[], address: number): P | undefined {
  const pool = findPoolBefore(pools, address);
  return pool !== undefined && address <= pool.geometry.lastAddress ? pool : undefined;
}

/**
 * Finds the pool and the slot of a pair.
 *
 * @param pools Pools to search; the list must not change afterwards.
 * @param address IPv4 address, as an unsigned 32-bit integer.
 * @param psid Right-justified PSID; null for a full address.
 * @returns The pool and the slot number, or undefined when no pool contains the pair. A full pool contains only full
 *   addresses, a shared pool only addresses with a PSID.
 */
export function findPair<P extends WithGeometry>(
  pools: readonly P[],
  address: number,
  psid: number | null,
): FoundPair<P> | undefined {
  const pool = findPoolAt(pools, address);
  if (pool === undefined || (pool.geometry.psidLength === 0) !== (psid === null)) return undefined;
  const number = slotOf(pool.geometry, address, psid ?? 0);
  return number === undefined ? undefined : { pool, number };
}

/**
 * Finds the slot of a pool that has a port of an address.
 *
 * @param address IPv4 address, unsigned.
 * @param port 0..65535; a slot of a full pool has them all.
 * @returns Number of the slot within the pool, and its PSID; undefined for an address or a port that no slot has.
 * @throws {RangeError} When the port is out of range.
 */
export function slotOfPort(
  geometry: PoolGeometry,
  address: number,
  port: number,
): { readonly number: number; readonly psid: number } | undefined {
  const psid = psidOfPort(geometry, port);
  const number = psid === undefined ? undefined : slotOf(geometry, address, psid);
  return psid === undefined || number === undefined ? undefined : { number, psid };
}
