/**
 * Which pool has a pair: an address with a PSID, or a whole address. And which slot of a pool has an address and a port.
 *
 * @module
 */
import { slotOf } from "./pool-geometry.ts";
import type { PoolGeometry } from "./pool-geometry.ts";
import { psidOfPort } from "./port-set.ts";

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
