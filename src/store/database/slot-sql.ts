/**
 * The slot key in SQL: the arithmetic of `portset/slot-key.ts`.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL, SQLWrapper } from "drizzle-orm";
import { slotsPerPool } from "../../portset/slot-key.ts";
import { literal } from "./columns.ts";

const numberBits = literal(Math.log2(slotsPerPool));
const numberMask = literal(slotsPerPool - 1);

/** @returns The key of a slot, from the id of its pool and its number within the pool. */
export function slotKeySql(poolId: SQLWrapper, number: SQLWrapper): SQL<number> {
  return sql`((${poolId} << ${numberBits}) + ${number})`;
}

/** @returns The id of the pool that a slot belongs to. */
export function poolOfSlotSql(slot: SQLWrapper): SQL<number> {
  return sql`(${slot} >> ${numberBits})`;
}

/** @returns The number of a slot within its pool. */
export function numberOfSlotSql(slot: SQLWrapper): SQL<number> {
  return sql`(${slot} & ${numberMask})`;
}
