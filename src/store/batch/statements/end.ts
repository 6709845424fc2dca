/**
 * The statement that ends leases and offers.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import { nameOf } from "../../database/columns.ts";
import { movesTo } from "../../database/moves.ts";
import { keptQuarantine, restOfQuarantine } from "../../database/quarantine.ts";
import { lease } from "../../database/schema.ts";
import { endRows } from "../claim-rows.ts";
import { declined, isFromFuture, isNamedSlot, never, own, ownOfClaim } from "./clauses.ts";
import { claims, clientFields, clock, endCells, parameter, slotFields } from "./statement.ts";
import type { BatchStatement } from "./statement.ts";

/**
 * When the row was last changed, in milliseconds. If only the second is known, the end of that second is used, so that
 * a lease is kept in case of doubt. A time in the future was written while the clock was wrong. It counts as long
 * ago, because otherwise the lease could not be released until the clock reaches it.
 */
const lastChangedMs = sql`iif(${isFromFuture}, 0,
      iif(${own.touchedMs} / 1000 IS ${own.updatedAt}, ${own.touchedMs}, ${own.updatedAt} * 1000 + 999))`;

/**
 * Which rows does a RELEASE, a DECLINE or the choice of another server end? The row that matches both the client and
 * the pair. A reserved pair stays with its client, even if the client declined it. So does a pair whose client moves: the
 * next statement needs to know it.
 *
 * Datagrams may arrive in any order: a delayed RELEASE may arrive after its client got the pair again. So a row that
 * was offered, bound or renewed after the message arrived does not end, not even if the same batch did that. A lease that
 * is kept by mistake lasts until it expires, but the pair of a lease that is ended by mistake would soon belong to two
 * clients.
 *
 * The lease ended within the second `now`. A quarantine begins at the end of that second, so that it is never shorter
 * than configured; without a quarantine the pair is free at once, because its client has given it up.
 */
export const endLeases: BatchStatement = {
  name: "end-leases",
  lists: ["ends"],
  template: sql`WITH ${clock}, ${claims("ends", endRows.columns(endCells, ...clientFields, ...slotFields, "newest_state", "state", "quarantine"))}, ending AS MATERIALIZED (
  SELECT c.*, ${own.slot} AS own_slot, now, now_ms, iif(c.quarantine > 0, now_up, now) AS kept_from
  FROM clock CROSS JOIN claim c
  CROSS JOIN ${ownOfClaim}
  WHERE ${isNamedSlot} AND ${own.state} <= c.newest_state
    AND (${parameter("received")} IS NULL OR ${lastChangedMs} <= ${parameter("received")})
)
UPDATE ${lease} SET
  ${nameOf(lease.state)} = e.state,
  ${nameOf(lease.clientId)} = iif(e.state = ${declined} AND ${lease.freeAt} <> ${never} AND ${movesTo(lease)} IS NULL,
    NULL, ${lease.clientId}),
  ${nameOf(lease.expiresAt)} = min(${lease.expiresAt}, e.now),
  ${nameOf(lease.freeAt)} = iif(${lease.freeAt} = ${never}, ${never}, max(min(${lease.expiresAt}, e.kept_from) + e.quarantine, ${restOfQuarantine})),
  ${nameOf(lease.quarantineUntil)} = ${keptQuarantine},
  ${nameOf(lease.since)} = NULL, ${nameOf(lease.softwire)} = NULL,
  ${nameOf(lease.updatedAt)} = e.now, ${nameOf(lease.touchedMs)} = e.now_ms
FROM ending e WHERE ${lease.slot} = +e.own_slot
RETURNING ${nameOf(lease.slot)}`,
};
