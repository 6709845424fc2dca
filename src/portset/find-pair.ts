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
