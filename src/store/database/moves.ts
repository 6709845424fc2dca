/**
 * Pending moves. A client moves when an operator moves its lease, or reserves another pair for it. Until the client is
 * told, its row keeps the lease and names the target slot (`move_to`). The row of the target slot has no client and names
 * the old slot (`move_from`). A move is pending only while both rows name each other, so a statement that gives one of
 * them to another client also cancels the move.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { literal, nameOf, namesOf, takeExcluded } from "./columns.ts";
import { quarantineAfter } from "./quarantine.ts";
import { freeNever, instant, lease, LeaseState } from "./schema.ts";

/** The row of the client that moves. */
const own = alias(lease, "own");
/** The row of the slot that a client moves to. */
const goal = alias(lease, "goal");

/** The columns of `lease`, or of an alias of it. */
interface LeaseRows {
  readonly slot: Column;
  readonly clientId: Column;
  readonly moveTo: Column;
  readonly moveFrom: Column;
}

/** A condition: a move of the client from the row `from` to the row `to` is pending. */
export const isPendingMove = (from: LeaseRows, to: LeaseRows): SQL =>
  sql`(${to.slot} = ${from.moveTo} AND ${from.slot} = ${to.moveFrom} AND ${from.clientId} IS NOT NULL AND ${to.clientId} IS NULL)`;

/** The slot that a row's client moves to; null unless a move is pending. A row without a move costs one comparison. */
export const movesTo = (row: LeaseRows): SQL<number | null> => sql<
  number | null
>`iif(${row.moveTo} IS NULL, NULL,
    (SELECT ${goal.slot} FROM ${lease} ${goal} WHERE ${isPendingMove(row, goal)}))`;

/** The slot whose client moves to a row; null unless a move is pending. */
export const movesFrom = (row: LeaseRows): SQL<number | null> => sql<
  number | null
>`iif(${row.moveFrom} IS NULL, NULL,
    (SELECT ${own.slot} FROM ${lease} ${own} WHERE ${isPendingMove(own, row)}))`;

/** The columns that {@link handOver} sets in both rows of a move. */
const handedColumns = [
  lease.domainId,
  lease.clientId,
  lease.line,
  lease.state,
  lease.expiresAt,
  lease.freeAt,
  lease.quarantineUntil,
  lease.since,
  lease.statedSeconds,
  lease.updatedAt,
  lease.touchedMs,
  lease.source,
  lease.softwire,
  lease.site,
  lease.moveTo,
];

/**
 * Builds the INSERT that hands clients over from their old rows to the rows that they move to. The tenure of the old
 * pair ends. The old pair is kept from other clients as long as before: if the DHCPNAK is lost, the client uses the pair
 * until its lease ends. The old pair no longer counts for the site, which did not ask for the move.
 *
 * One INSERT changes both rows, the old row first, because a client can have only one row.
 *
 * @param leaving Name of a common table: `slot` is the old row, `goal` the new one. If `selects` is true, the client
 *   accepts an offer of the new pair. Then the new row becomes that offer, and expires when the old lease would have.
 */
export const handOver = (leaving: SQL): SQL => {
  const nowMs = sql`(SELECT ${instant.nowMs} FROM ${instant})`;
  const now = sql`${nowMs} / 1000`;
  const released = literal(LeaseState.released);
  const never = literal(freeNever);
  return sql`INSERT INTO ${lease} (${namesOf(lease.slot, ...handedColumns)})
SELECT slot, domain_id, client_id, line, state, expires_at, free_at, quarantined, NULL, stated, ${now}, ${nowMs}, source, NULL, site, NULL
FROM (
  SELECT 0 AS turn, ${own.slot} AS slot, ${own.domainId} AS domain_id, NULL AS client_id, '' AS line,
    max(${own.state}, ${released}) AS state, min(${own.expiresAt}, ${now}) AS expires_at, ${own.freeAt} AS free_at,
    NULL AS quarantined, NULL AS stated, NULL AS source, NULL AS site
  FROM ${leaving} l CROSS JOIN ${lease} ${own} ON ${own.slot} = l.slot
  UNION ALL
  SELECT 1, ${goal.slot}, ${own.domainId}, ${own.clientId}, ${own.line},
    iif(l.selects, ${literal(LeaseState.offered)}, ${released}), iif(l.selects, ${own.expiresAt}, ${now}),
    iif(${goal.freeAt} = ${never}, ${never}, max(${goal.freeAt}, ${own.freeAt})),
    iif(l.selects OR ${goal.freeAt} = ${never}, ${quarantineAfter(goal, now)}, NULL), ${own.statedSeconds}, ${own.source}, ${own.site}
  FROM ${leaving} l CROSS JOIN ${lease} ${own} ON ${own.slot} = l.slot CROSS JOIN ${lease} ${goal} ON ${goal.slot} = l.goal
)
ORDER BY turn
ON CONFLICT (${nameOf(lease.slot)}) DO UPDATE SET ${takeExcluded(...handedColumns)}`;
};

/**
 * Builds the UPDATE that frees the targets of pending moves, because their clients keep their pairs or move to other
 * pairs. A reserved pair stays reserved.
 *
 * @param slots Selects the slots of the clients' own rows.
 * @param but The slot that the client moves to next. It is not freed.
 */
export const freeTargets = (
  slots: SQL,
  but: SQL,
): SQL => sql`UPDATE ${lease} SET ${nameOf(lease.moveFrom)} = NULL,
  ${nameOf(lease.freeAt)} = iif(${lease.freeAt} = ${literal(freeNever)}, ${lease.freeAt}, (SELECT ${instant.nowMs} / 1000 FROM ${instant}))
WHERE ${lease.slot} IN (SELECT ${own.moveTo} FROM ${lease} ${own} WHERE ${own.slot} IN (${slots}))
  AND ${lease.moveFrom} IN (${slots}) AND ${lease.clientId} IS NULL AND ${lease.slot} IS NOT ${but}`;
