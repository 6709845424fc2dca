/**
 * The slot key: a number that identifies one slot among all pools of a database. It is the pool's id, shifted left by
 * 32 bits, plus the number of the slot within the pool: `slot = pool << 32 | number`. The slots of one pool are
 * therefore neighbours in the database, in fill order. SQL reverses it with `slot >> 32` and `slot & 4294967295`.
 *
 * @example
 * ```ts
 * const slot = slotKey(3, 7); // 12884901895
 * poolOfSlot(slot); // 3
 * numberOfSlot(slot); // 7
 * ```
 *
 * @module
 */

/**
 * Number of slots that a pool can have: their numbers use the low 32 bits of a key. A /8 with 256 sharers per address
 * fits. The high bits leave room for pool ids up to 2^21 - 1, because integers are exact only below 2^53.
 */
export const slotsPerPool = 2 ** 32;

/**
 * Builds the key of a slot.
 *
 * @param poolId Id of the pool, 1..2^21 - 1.
 * @param number Number of the slot within the pool, in fill order: 0..2^32 - 1.
 * @returns The key, as the database stores it.
 */
export function slotKey(poolId: number, number: number): number {
  return poolId * slotsPerPool + number;
}

/**
 * Extracts the pool from a slot key.
 *
 * @param slot Key of the slot.
 * @returns The id of the pool.
 */
export function poolOfSlot(slot: number): number {
  return Math.floor(slot / slotsPerPool);
}

/**
 * Extracts the slot number from a slot key.
 *
 * @param slot Key of the slot.
 * @returns The number of the slot within its pool, in fill order.
 */
export function numberOfSlot(slot: number): number {
  return slot % slotsPerPool;
}
