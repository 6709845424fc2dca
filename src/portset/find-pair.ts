/**
 * Lookup of the pool that contains a pair: an address with a PSID, or a full address.
 *
 * @module
 */
import { slotOf } from "./pool-geometry.ts";
import type { PoolGeometry } from "./pool-geometry.ts";

/** A pool and the number of one of its slots. */
export interface FoundPair<P> {
  readonly pool: P;
  /** Number of the slot within the pool. */
  readonly number: number;
}

/**
 * Finds the pool and the slot of a pair. The ranges of pools never overlap, so at most one pool contains it.
 *
 * @param pools Pools to search.
 * @param address IPv4 address, as an unsigned 32-bit integer.
 * @param psid Right-justified PSID; null for a full address.
 * @returns The pool and the slot number, or undefined when no pool contains the pair. A full pool contains only full
 *   addresses, a shared pool only addresses with a PSID.
 */
export function findPair<P extends { readonly geometry: PoolGeometry }>(
  pools: readonly P[],
  address: number,
  psid: number | null,
): FoundPair<P> | undefined {
  for (const pool of pools) {
    if ((pool.geometry.psidLength === 0) !== (psid === null)) continue;
    const number = slotOf(pool.geometry, address, psid ?? 0);
    if (number !== undefined) return { pool, number };
  }
  return undefined;
}
