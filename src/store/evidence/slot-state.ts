/**
 * The state of a slot at a time. The API, the statistics and the metrics use the same names.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { freeNever, lease, LeaseState } from "../database/schema.ts";

/** The states of a slot. A `free` slot may still have its last client. */
export const slotStates = ["offered", "bound", "quarantined", "reserved", "free"] as const;
export type SlotState = (typeof slotStates)[number];

/** @returns A condition: the row has a running offer or lease. */
export function runsAt(now: SQL): SQL {
  return sql`(${lease.state} <= ${LeaseState.bound} AND ${lease.expiresAt} > ${now})`;
}

/**
 * Builds an expression for the state of a row of `lease`.
 *
 * @param now Unix seconds.
 */
export function slotStateAt(now: SQL): SQL<SlotState> {
  return sql<SlotState>`CASE
    WHEN ${lease.state} = ${LeaseState.offered} AND ${lease.expiresAt} > ${now} THEN 'offered'
    WHEN ${lease.state} = ${LeaseState.bound} AND ${lease.expiresAt} > ${now} THEN 'bound'
    WHEN ${lease.freeAt} = ${freeNever} THEN 'reserved'
    WHEN ${lease.freeAt} > ${now} THEN 'quarantined'
    ELSE 'free' END`;
}
