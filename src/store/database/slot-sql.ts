/**
 * The slot key in SQL: the arithmetic of `portset/slot-key.ts`.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL, SQLWrapper } from "drizzle-orm";

/** @returns The key of a slot, from the pool's id and the number of the slot within the pool. */
export function slotKeySql(poolId: SQLWrapper, number: SQLWrapper): SQL<number> {
  return sql`((${poolId} << 32) + ${number})`;
}

/** @returns The id of the pool that a slot belongs to. */
export function poolOfSlotSql(slot: SQLWrapper): SQL<number> {
  return sql`(${slot} >> 32)`;
}

/** @returns The number of a slot within its pool. */
export function numberOfSlotSql(slot: SQLWrapper): SQL<number> {
  return sql`(${slot} & 4294967295)`;
}
