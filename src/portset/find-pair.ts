/**
 * Which pool has a pair: an address with a PSID, or a whole address.
 *
 * @module
 */
import { slotOf } from "./pool-geometry.ts";
import type { PoolGeometry } from "./pool-geometry.ts";

/** A slot of a pool. */
export interface FoundPair<P> {
  readonly pool: P;
  /** Number of the slot within the pool. */
  readonly number: number;
}

/**
 * Finds the pool and the slot of a pair. Ranges of pools never overlap, so at most one pool has it.
 *
 * @param address IPv4 address, unsigned.
 * @param psid Plain number; null for a whole address.
 * @returns Undefined when no pool has such a pair: a full pool has whole addresses only, a shared pool PSIDs only.
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
