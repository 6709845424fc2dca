/**
 * The statements that offer pairs: a client's own, the one that it asks for, or a new one.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { offerSkipMax, relayFramesMax } from "../../../limits.ts";
import { literal, nameOf, namesOf, takeExcluded } from "../../database/columns.ts";
import { quarantineAfter } from "../../database/quarantine.ts";
import { lease, pool } from "../../database/schema.ts";
import { slotKeySql } from "../../database/slot-sql.ts";
import { offerRows } from "../claim-rows.ts";
import {
  bound,
  declined,
  isDrained,
  never,
  newLine,
  offered,
  other,
  own,
  ownOfClaim,
  ownSlot,
  p,
  released,
  taken,
} from "./clauses.ts";
import { firstPoolWithRoom, siteHasRoomBeside, siteLeftover, siteRows } from "./room.ts";
import { claims, claimsOf, clientFields, clock, offerCells, parameter } from "./statement.ts";
import type { BatchStatement } from "./statement.ts";

const free = alias(lease, "free");

/**
 * Claims whose client has no row, and whose site may get a pair. `leftover` is the pair that a site at its limit gets
 * again; null for all others.
 */
const unheld = sql`unheld AS MATERIALIZED (
  SELECT * FROM (
    SELECT c.*, iif(c.site_max IS NULL OR ${siteRows} < c.site_max, NULL, ${siteLeftover}) AS leftover
    FROM claim c WHERE ${ownSlot} IS NULL
  ) c WHERE ${siteHasRoomBeside(sql`c.leftover`)}
)`;

/** The claims without a row, numbered within the pool that will serve them. */
const demand = sql`placed AS MATERIALIZED (
  SELECT c.*, iif(c.leftover IS NULL, ${firstPoolWithRoom(sql`c.pool_ids`)}, NULL) AS pool_id FROM unheld c
), demand AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY pool_id ORDER BY ordinal) AS rank
  FROM placed WHERE pool_id IS NOT NULL
)`;

/** The fields of an offer that each statement needs. */
const offerFields = [...clientFields, "site", "site_max", "hold", "pool_ids", "lease_seconds"] as const;

/** The columns that are set when a client is offered a slot that it did not have. */
const offeredColumns = [
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
  lease.relayPath,
  lease.firstRelayPath,
  lease.moveTo,
  lease.moveFrom,
];
const offerColumns = namesOf(lease.slot, ...offeredColumns);

/** The values of these columns, without the slot, which comes first. */
const offerValues = sql`c.domain_id, c.client_id, c.line, ${offered}, now_up + c.hold, now_up + c.hold, NULL, NULL,
  c.lease_seconds, now, now_ms, NULL, NULL, c.site, NULL, NULL, NULL, NULL`;

/**
 * A slot that has a row changes hands only if it is free, or if its site left it and gets it again: of several clients,
 * the first keeps it. If the offer is not accepted, the rest of the quarantine still applies.
 */
const takeOver = sql`ON CONFLICT (${nameOf(lease.slot)}) DO UPDATE SET
  ${takeExcluded(...offeredColumns.filter((column) => column !== lease.freeAt && column !== lease.quarantineUntil))},
  ${nameOf(lease.freeAt)} = max(excluded.${nameOf(lease.freeAt)}, ${lease.freeAt}),
  ${nameOf(lease.quarantineUntil)} = iif(${lease.freeAt} > excluded.${nameOf(lease.updatedAt)}, ${lease.freeAt}, NULL)
WHERE ${lease.freeAt} <= excluded.${nameOf(lease.updatedAt)}
  OR (${lease.site} = excluded.${nameOf(lease.site)} AND ${lease.expiresAt} <= excluded.${nameOf(lease.updatedAt)}
    AND ${lease.freeAt} <> ${never} AND ${lease.state} <> ${declined})`;

/** Sets a column, except of a running lease. */
const unlessLeased = (column: Column, value: SQL): SQL =>
  sql`${nameOf(column)} = iif(c.leased, ${column}, ${value})`;

/**
 * The lease time that the client of `c` is offered: that of a running lease remains, unless the client asks for another
 * or is offered another pair.
 */
const offeredSeconds = sql`iif(c.leased AND c.remaining_max IS NOT NULL AND ${lease.expiresAt} > now_up AND ${lease.moveTo} IS NULL,
    min(${lease.expiresAt} - now_up, c.remaining_max), c.lease_seconds)`;

/** A condition: an operator moved the client to this full address, perhaps from a shared one that it asks for. */
const isGiven = sql`iif(${own.moveFrom} IS NULL, FALSE,
      EXISTS (SELECT 1 FROM ${pool} ${p} WHERE ${p.id} = ${own.poolId} AND ${p.psidLength} = 0 AND ${p.drainUntil} IS NULL))`;

/**
 * Which clients are offered their own pair: the one that they hold, or held last (R7618-8-07a, b)? A running lease is
 * not changed, because an offer must not take anything away, unless the drain date of its pool has passed: only the lease
 * time that is offered is noted. If the pool no longer serves the client, the client is removed from the row, so that it
 * can get another pair. The row stays with the site that left it.
 */
export const offerOwn: BatchStatement = {
  name: "offer-own",
  lists: ["offers"],
  template: sql`WITH ${clock}, ${claims("offers", offerRows.columns(offerCells, ...offerFields, "remaining_max"))}, held AS MATERIALIZED (
  SELECT c.*, ${own.slot} AS own_slot, ${own.freeAt} = ${never} AS reserved,
    ${own.state} = ${offered} AND ${own.expiresAt} > now AND ${own.site} IS c.site AS running,
    iif(${own.state} = ${bound} AND ${own.expiresAt} > now, NOT ${isDrained}, FALSE) AS leased,
    iif(${own.poolId} IN (SELECT value FROM json_each(c.pool_ids)), TRUE, ${isGiven}) AS served,
    ${quarantineAfter(own, sql`now`)} AS quarantined
  FROM clock CROSS JOIN claim c
  CROSS JOIN ${ownOfClaim}
)
UPDATE ${lease} SET
  ${unlessLeased(lease.state, sql`iif(c.served, ${offered}, ${released})`)},
  ${unlessLeased(lease.clientId, sql`iif(c.served, ${lease.clientId}, NULL)`)},
  ${unlessLeased(lease.expiresAt, sql`iif(c.served, now_up + c.hold, ${lease.expiresAt})`)},
  ${unlessLeased(lease.freeAt, sql`iif(c.served AND NOT c.reserved, max(now_up + c.hold, ifnull(c.quarantined, 0)), ${lease.freeAt})`)},
  ${unlessLeased(lease.quarantineUntil, sql`iif(c.served, c.quarantined, NULL)`)},
  ${unlessLeased(lease.since, sql`NULL`)},
  ${nameOf(lease.statedSeconds)} = ${offeredSeconds},
  ${unlessLeased(lease.updatedAt, sql`now`)}, ${unlessLeased(lease.touchedMs, sql`now_ms`)},
  ${unlessLeased(lease.source, sql`NULL`)}, ${unlessLeased(lease.softwire, sql`NULL`)},
  ${unlessLeased(lease.site, sql`iif(c.served, c.site, ${lease.site})`)},
  ${unlessLeased(lease.line, sql`iif(c.served, ${newLine}, ${lease.line})`)},
  ${unlessLeased(lease.relayPath, sql`NULL`)}, ${unlessLeased(lease.firstRelayPath, sql`NULL`)},
  ${unlessLeased(lease.moveTo, sql`NULL`)}
FROM held c, clock WHERE ${lease.slot} = +c.own_slot
  AND CASE WHEN c.leased THEN ${lease.statedSeconds} IS NOT ${offeredSeconds}
    WHEN c.served THEN iif(c.running, TRUE, ${siteHasRoomBeside(sql`c.own_slot`)}) ELSE NOT c.reserved END`,
};

/** Which clients without a row get the pair that they requested, because it is free (R7618-8-07c)? */
export const offerWanted: BatchStatement = {
  name: "offer-wanted",
  lists: ["hints"],
  template: sql`WITH ${clock}, ${claims("hints", offerRows.columns(parameter("hintCells"), ...offerFields, "wanted_slots"))}, ${unheld}, hint AS MATERIALIZED (
  SELECT c.*, (
    SELECT w.value FROM clock CROSS JOIN json_each(c.wanted_slots) w
    LEFT JOIN ${lease} ${taken} ON ${taken.slot} = w.value
    WHERE ${taken.slot} IS NULL OR ${taken.freeAt} <= now ORDER BY w.key LIMIT 1
  ) AS slot
  FROM unheld c WHERE c.leftover IS NULL
)
INSERT INTO ${lease} (${offerColumns})
SELECT c.slot, ${offerValues} FROM clock CROSS JOIN hint c WHERE c.slot IS NOT NULL ORDER BY c.ordinal
${takeOver}`,
};

/** The key of a slot ahead of the cursor. */
const aheadSlot = slotKeySql(sql`a.pool_id`, sql`a.number`);

/** A condition: the slot was never used. */
const isUnused = (slot: SQL): SQL =>
  sql`NOT EXISTS (SELECT 1 FROM ${lease} ${taken} WHERE ${taken.slot} = ${slot})`;

/**
 * Which clients get a new pair (R7618-8-07d)? Slots that were never used come first, in fill order; then slots that
 * other clients have left, the longest unused first. This keeps the last client of a slot on record for as long as
 * possible. A client of a site that is at its limit gets the pair that the site left first.
 *
 * Slots ahead of the cursor that were given out on request are skipped. Each batch skips a limited number, and looks no
 * further than it needs: to look at all of them took a third of the statement with eight claims.
 */
export const offerNew: BatchStatement = {
  name: "offer-new",
  lists: ["offers"],
  template: sql`WITH RECURSIVE ${clock}, ${claims("offers", offerRows.columns(offerCells, ...offerFields))}, ${unheld}, ${demand},
need AS MATERIALIZED (
  SELECT ${p.id} AS id, ${p.slots} AS slots, ${p.cursor} AS cursor, (SELECT count(*) FROM unheld) AS claims
  FROM ${claimsOf("pools")} listed CROSS JOIN ${pool} ${p} ON ${p.id} = listed.value
), ahead(pool_id, number, last, needed, is_unused) AS (
  SELECT id, cursor, min(slots, cursor + claims + ${literal(offerSkipMax)}) - 1, claims, ${isUnused(slotKeySql(sql`id`, sql`cursor`))} FROM need
  WHERE claims > 0 AND cursor < slots
  UNION ALL
  SELECT pool_id, number + 1, last, needed - is_unused, ${isUnused(slotKeySql(sql`a.pool_id`, sql`a.number + 1`))} FROM ahead a
  WHERE number < last AND needed > is_unused
), available(pool_id, slot, turn) AS (
  SELECT a.pool_id, ${aheadSlot}, -1 FROM ahead a WHERE is_unused
  UNION ALL
  SELECT n.id, ${other.slot}, ${other.freeAt} FROM need n CROSS JOIN ${lease} ${other} ON ${other.slot} IN (
    SELECT ${free.slot} FROM clock CROSS JOIN ${lease} ${free} WHERE ${free.poolId} = n.id AND ${free.freeAt} <= now
    ORDER BY ${free.freeAt} LIMIT (SELECT count(*) FROM unheld)
  )
), numbered AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY pool_id ORDER BY turn, slot) AS rank FROM available
)
INSERT INTO ${lease} (${offerColumns})
SELECT s.slot, ${offerValues}
FROM clock CROSS JOIN numbered s CROSS JOIN demand c ON c.pool_id = s.pool_id AND c.rank = s.rank
UNION ALL
SELECT c.leftover, ${offerValues} FROM clock CROSS JOIN unheld c WHERE c.leftover IS NOT NULL
${takeOver}`,
};

const target = alias(pool, "target");

/**
 * Where does the never-used part of each pool begin now? The search is bounded; the next batch continues it.
 */
export const advanceCursor: BatchStatement = {
  name: "advance-cursor",
  lists: ["offers"],
  template: sql`WITH touched AS MATERIALIZED (SELECT value AS pool_id FROM ${claimsOf("pools")})
UPDATE ${pool} AS ${target} SET ${nameOf(pool.cursor)} = (
  WITH RECURSIVE step(number) AS (
    SELECT ${target.cursor}
    UNION ALL
    SELECT number + 1 FROM step CROSS JOIN ${pool} ${p} ON ${p.id} = ${target.id}
    WHERE number < min(${p.slots}, ${target.cursor} + ${literal(relayFramesMax + offerSkipMax)})
      AND EXISTS (SELECT 1 FROM ${lease} ${taken} WHERE ${taken.slot} = ${slotKeySql(p.id, sql`number`)})
  )
  SELECT max(number) FROM step
)
FROM touched t
WHERE ${target.id} = +t.pool_id AND EXISTS (
  SELECT 1 FROM ${pool} ${p} CROSS JOIN ${lease} ${taken} ON ${taken.slot} = ${slotKeySql(p.id, p.cursor)}
  WHERE ${p.id} = ${target.id}
)`,
};
