/**
 * The statements of a batch. Each has a name, answers the question in its comment, and serves all claims of the batch:
 * claims are passed as one JSON text, so their number changes neither the number of statements nor the number of round
 * trips. The statements run in the order of {@link batchStatements}, in one transaction that holds the write lock.
 *
 * Three rules keep them fast with millions of rows. Claims are the outer loop, and leases are found by key (`CROSS
 * JOIN` fixes this order; a test reads the query plans). A subselect that finds a slot is bounded by the number of
 * claims. No statement scans for expired leases: expiry is a comparison with `free_at` when a slot is needed.
 *
 * Parameters: `offers`, `hints`, `pools`, `binds`, `ends`, `all` (JSON, `claim-rows.ts`), `revision` (the configuration
 * that the claims were made from), `until` (the deadline of the batch: the last Unix second of the database's clock at
 * which it may change anything, or null), `received` (a time before any message of the batch arrived, in milliseconds
 * of the database's clock, or null).
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { offerSkipMax, relayFramesMax } from "../../limits.ts";
import { literal, nameOf, namesOf, takeExcluded } from "../database/columns.ts";
import { configuration, freeNever, instant, lease, LeaseState, pool } from "../database/schema.ts";
import { slotKeySql } from "../database/slot-sql.ts";
import { instantSeconds } from "../database/time.ts";
import { bindRows, endRows, factRows, offerRows } from "./claim-rows.ts";

/** The parameters of all statements. Each statement uses some of them. */
export type ParameterName =
  "offers" | "hints" | "pools" | "binds" | "ends" | "all" | "revision" | "until" | "received";

/** One statement. */
export interface BatchStatement {
  readonly name: string;
  readonly template: SQL;
}

const parameter = (name: ParameterName) => sql.placeholder(name);

const [offered, bound, released, declined] = (["offered", "bound", "released", "declined"] as const).map(
  (state) => literal(LeaseState[state]),
) as [SQL, SQL, SQL, SQL];
const never = literal(freeNever);

/** The row of `lease` that belongs to the client of a claim. */
const own = alias(lease, "own");
const used = alias(lease, "used");
const taken = alias(lease, "taken");
const free = alias(lease, "free");
const other = alias(lease, "other");
const p = alias(pool, "p");

/** The instant of the batch, in seconds and milliseconds: all leases are compared with the same time. */
const clock = sql`clock(now, now_ms) AS MATERIALIZED (
  SELECT ${instant.nowMs} / 1000, ${instant.nowMs} FROM ${instant}
)`;

/**
 * The rows of a parameter. There are none if the claims were made from an old configuration, because a pool that they
 * name may have been deleted. The caller then gets the new revision, and makes new claims. There are none either if the
 * deadline has passed.
 */
const claimsOf = (name: ParameterName): SQL =>
  sql`json_each(iif((SELECT ${configuration.revision} FROM ${configuration}) = ${parameter("revision")}
    AND (${parameter("until")} IS NULL OR ${instantSeconds} <= ${parameter("until")}), ${parameter(name)}, '[]'))`;

const claims = (name: ParameterName, rows: { readonly columns: SQL }): SQL =>
  sql`claim AS MATERIALIZED (SELECT ${rows.columns} FROM ${claimsOf(name)})`;

/** Joins the row that belongs to the client of a claim. */
const ownOfClaim = sql`${lease} ${own} ON ${own.domainId} = c.domain_id AND ${own.clientId} = c.client_id`;

/** Number of leases and offers that count towards the limit of the site of `c` (R7618-10-02). */
const siteLeases = sql`(
    SELECT count(*) FROM clock CROSS JOIN ${lease} ${used}
    WHERE ${used.domainId} = c.domain_id AND ${used.site} = c.site
      AND ${used.state} <= ${bound} AND ${used.expiresAt} > now
  )`;

/**
 * A condition: the site of `c` may use one more pair. A batch has at most one claim for each site with a limit, so the
 * limit holds within a batch, and also with several allocators.
 */
const siteHasRoom = sql`(c.site_max IS NULL OR ${siteLeases} < c.site_max)`;

/**
 * A condition: the drain date of the row's pool has passed, so its clients must move even if their lease still runs.
 */
const isDrained = sql`EXISTS (SELECT 1 FROM ${pool} ${p} WHERE ${p.id} = ${own.poolId} AND ${p.drainUntil} <= now)`;

/** The claims whose client has no row and whose site has room. */
const unheld = sql`unheld AS MATERIALIZED (
  SELECT c.* FROM claim c
  WHERE NOT EXISTS (SELECT 1 FROM ${lease} ${own} WHERE ${own.domainId} = c.domain_id AND ${own.clientId} = c.client_id)
    AND ${siteHasRoom}
)`;

/**
 * A condition: `c` names the row's slot, or names no slot and so refers to any slot of its client.
 */
const isNamedSlot = sql`(c.first_slot IS NULL
    OR (${own.slot} BETWEEN c.first_slot AND c.last_slot AND (${own.slot} - c.first_slot) % c.slot_step = 0))`;

/** The first pool in a claim's list that has a never-used slot or a slot that is free again. */
const firstPoolWithRoom = sql`(
      SELECT ${p.id} FROM json_each(c.pool_ids) choice CROSS JOIN ${pool} ${p} ON ${p.id} = choice.value
      WHERE ${p.cursor} < ${p.slots}
        OR EXISTS (SELECT 1 FROM clock CROSS JOIN ${lease} ${free} WHERE ${free.poolId} = ${p.id} AND ${free.freeAt} <= now)
      ORDER BY choice.key LIMIT 1
    )`;

/** The claims without a row, numbered within the pool that will serve them. */
const demand = sql`placed AS MATERIALIZED (
  SELECT c.*, ${firstPoolWithRoom} AS pool_id FROM unheld c
), demand AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY pool_id ORDER BY ordinal) AS rank
  FROM placed WHERE pool_id IS NOT NULL
)`;

/** The columns that are set when a client is offered a slot that it did not have. */
const offeredColumns = [
  lease.domainId,
  lease.clientId,
  lease.state,
  lease.expiresAt,
  lease.freeAt,
  lease.since,
  lease.updatedAt,
  lease.touchedMs,
  lease.source,
  lease.softwire,
  lease.site,
  lease.relayPath,
];
const offerColumns = namesOf(lease.slot, ...offeredColumns);

/** The values of {@link offerColumns} except the slot, which comes first. */
const offerValues = sql`c.domain_id, c.client_id, ${offered}, now + c.hold, now + c.hold, NULL, now, now_ms, NULL, NULL, c.site, NULL`;

/** Takes over the row of a slot only if the slot is free. So if several clients want it, the first one gets it. */
const takeOver = sql`ON CONFLICT (${nameOf(lease.slot)}) DO UPDATE SET
  ${takeExcluded(...offeredColumns)}
WHERE ${lease.freeAt} <= excluded.${nameOf(lease.updatedAt)}`;

/**
 * The time of the row's last change, in milliseconds. If only the second is known, this is the end of that second, so
 * that a lease is kept when in doubt.
 */
const lastChangedMs = sql`iif(${own.touchedMs} / 1000 IS ${own.updatedAt}, ${own.touchedMs}, ${own.updatedAt} * 1000 + 999)`;

/**
 * Which rows does a RELEASE, a DECLINE or the choice of another server end? The row that matches both the client and
 * the pair. A reserved pair stays with its client, even if the client declined it.
 *
 * Datagrams may arrive in any order: a delayed RELEASE may arrive after its client got the pair again. So a row that
 * was offered, bound or renewed after the message arrived does not end. A lease that is kept by mistake lasts until it
 * expires, but the pair of a lease that is ended by mistake would soon belong to two clients.
 */
const endLeases: BatchStatement = {
  name: "end-leases",
  template: sql`WITH ${clock}, ${claims("ends", endRows)}, ending AS MATERIALIZED (
  SELECT c.*, ${own.slot} AS own_slot, now, now_ms FROM clock CROSS JOIN claim c
  CROSS JOIN ${ownOfClaim}
  WHERE ${isNamedSlot} AND ${own.state} <= c.newest_state
    AND (${parameter("received")} IS NULL OR ${lastChangedMs} <= ${parameter("received")})
)
UPDATE ${lease} SET
  ${nameOf(lease.state)} = e.state,
  ${nameOf(lease.clientId)} = iif(e.state = ${declined} AND ${lease.freeAt} <> ${never}, NULL, ${lease.clientId}),
  ${nameOf(lease.expiresAt)} = min(${lease.expiresAt}, e.now),
  ${nameOf(lease.freeAt)} = iif(${lease.freeAt} = ${never}, ${never}, min(${lease.expiresAt}, e.now) + e.quarantine),
  ${nameOf(lease.since)} = NULL, ${nameOf(lease.softwire)} = NULL,
  ${nameOf(lease.updatedAt)} = e.now, ${nameOf(lease.touchedMs)} = e.now_ms
FROM ending e WHERE ${lease.slot} = +e.own_slot
RETURNING ${nameOf(lease.slot)}`,
};

/**
 * Which clients are offered their own pair: the one that they hold, or held last (R7618-8-07a, b)? A running lease is
 * not changed, because an offer must not take anything away, unless the drain date of its pool has passed. If the pool
 * no longer serves the client, the client is removed from the row, so that it can get another pair.
 */
const offerOwn: BatchStatement = {
  name: "offer-own",
  template: sql`WITH ${clock}, ${claims("offers", offerRows)}, idle AS MATERIALIZED (
  SELECT c.*, ${own.slot} AS own_slot, ${own.freeAt} = ${never} AS reserved,
    ${own.state} = ${offered} AND ${own.expiresAt} > now AND ${own.site} IS c.site AS running,
    ${own.poolId} IN (SELECT value FROM json_each(c.pool_ids)) AS served
  FROM clock CROSS JOIN claim c
  CROSS JOIN ${ownOfClaim}
  WHERE NOT (${own.state} = ${bound} AND ${own.expiresAt} > now) OR ${isDrained}
)
UPDATE ${lease} SET
  ${nameOf(lease.state)} = iif(c.served, ${offered}, ${released}),
  ${nameOf(lease.clientId)} = iif(c.served, ${lease.clientId}, NULL),
  ${nameOf(lease.expiresAt)} = iif(c.served, now + c.hold, ${lease.expiresAt}),
  ${nameOf(lease.freeAt)} = iif(c.served AND NOT c.reserved, max(${lease.freeAt}, now + c.hold), ${lease.freeAt}),
  ${nameOf(lease.since)} = NULL, ${nameOf(lease.updatedAt)} = now, ${nameOf(lease.touchedMs)} = now_ms,
  ${nameOf(lease.source)} = NULL, ${nameOf(lease.softwire)} = NULL, ${nameOf(lease.site)} = c.site,
  ${nameOf(lease.relayPath)} = NULL
FROM idle c, clock WHERE ${lease.slot} = +c.own_slot
  AND iif(c.served, c.running OR ${siteHasRoom}, NOT c.reserved)`,
};

/** Which clients without a row get the pair that they requested, because it is free (R7618-8-07c)? */
const offerWanted: BatchStatement = {
  name: "offer-wanted",
  template: sql`WITH ${clock}, ${claims("hints", offerRows)}, ${unheld}, hint AS MATERIALIZED (
  SELECT c.*, (
    SELECT w.value FROM clock CROSS JOIN json_each(c.wanted_slots) w
    LEFT JOIN ${lease} ${taken} ON ${taken.slot} = w.value
    WHERE ${taken.slot} IS NULL OR ${taken.freeAt} <= now ORDER BY w.key LIMIT 1
  ) AS slot
  FROM unheld c
)
INSERT INTO ${lease} (${offerColumns})
SELECT c.slot, ${offerValues} FROM clock CROSS JOIN hint c WHERE c.slot IS NOT NULL ORDER BY c.ordinal
${takeOver}`,
};

/** The key of a slot ahead of the cursor. */
const aheadSlot = slotKeySql(sql`a.pool_id`, sql`a.number`);

/**
 * Which clients get a new pair (R7618-8-07d)? Never-used slots come first, in fill order; then slots that other clients
 * have left, the longest unused first. So a slot stays with its last client for as long as possible.
 *
 * Slots ahead of the cursor that were given out on request are skipped. Each batch skips a limited number.
 */
const offerNew: BatchStatement = {
  name: "offer-new",
  template: sql`WITH RECURSIVE ${clock}, ${claims("offers", offerRows)}, ${unheld}, ${demand},
need AS MATERIALIZED (
  SELECT ${p.id} AS id, ${p.slots} AS slots, ${p.cursor} AS cursor, (SELECT count(*) FROM unheld) AS claims
  FROM ${claimsOf("pools")} listed CROSS JOIN ${pool} ${p} ON ${p.id} = listed.value
), ahead(pool_id, number, last) AS (
  SELECT id, cursor, min(slots, cursor + claims + ${literal(offerSkipMax)}) - 1 FROM need
  WHERE claims > 0 AND cursor < slots
  UNION ALL
  SELECT pool_id, number + 1, last FROM ahead WHERE number < last
), available(pool_id, slot, turn) AS (
  SELECT a.pool_id, ${aheadSlot}, -1 FROM ahead a
  WHERE NOT EXISTS (SELECT 1 FROM ${lease} ${taken} WHERE ${taken.slot} = ${aheadSlot})
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
WHERE true ${takeOver}`,
};

const target = alias(pool, "target");

/**
 * Where does the never-used part of each pool begin now? The search is bounded; the next batch continues it.
 */
const advanceCursor: BatchStatement = {
  name: "advance-cursor",
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

/**
 * Which REQUESTs name the pair of their client, and so create or extend a lease? The softwire address (RFC 8539 §8) is
 * updated unless the running lease of another client has it, or it changes too often. A pair that is no longer in use
 * counts towards the limit of its site like a new pair. In a pool that is being drained, leases end at the drain date.
 */
const bindLeases: BatchStatement = {
  name: "bind-leases",
  template: sql`WITH ${clock}, ${claims("binds", bindRows)}, request AS MATERIALIZED (
  SELECT *, iif(softwire IS NULL OR softwire_taken
      OR (running AND own_softwire IS NOT NULL AND now - since < softwire_interval),
    own_softwire, softwire) AS new_softwire,
    min(wanted_seconds, ifnull(drain_until - now, wanted_seconds)) AS lease_seconds
  FROM (
    SELECT c.*, now, now_ms, ${own.slot} AS slot, ${own.since} AS since,
      iif(${own.state} = ${bound} AND ${own.expiresAt} > now, ${own.softwire}, NULL) AS own_softwire,
      ${own.expiresAt} > now AS in_use,
      (SELECT ${p.drainUntil} FROM ${pool} ${p} WHERE ${p.id} = ${own.poolId}) AS drain_until,
      ${own.state} = ${bound} AND ${own.expiresAt} > now AS running,
      c.softwire IS NOT NULL AND EXISTS (
        SELECT 1 FROM ${lease} ${other} WHERE ${other.softwire} = c.softwire AND ${other.slot} <> ${own.slot}
          AND ${other.state} = ${bound} AND ${other.expiresAt} > now
      ) AS softwire_taken
    FROM clock CROSS JOIN claim c
    CROSS JOIN ${ownOfClaim}
    WHERE ${isNamedSlot}
      AND (c.pool_ids IS NULL OR ${own.poolId} IN (SELECT value FROM json_each(c.pool_ids)))
      AND ${own.state} BETWEEN c.oldest_state AND ${bound}
      AND (NOT c.source_must_match OR ${own.source} IS c.source)
  )
  WHERE drain_until IS NULL OR drain_until > now
)
UPDATE ${lease} SET
  ${nameOf(lease.state)} = ${bound},
  ${nameOf(lease.expiresAt)} = c.now + c.lease_seconds,
  ${nameOf(lease.freeAt)} = iif(${lease.freeAt} = ${never}, ${never}, c.now + c.lease_seconds + c.quarantine),
  ${nameOf(lease.since)} = iif(c.running AND c.new_softwire IS ${lease.softwire} AND c.source IS ${lease.source},
    ${lease.since}, c.now),
  ${nameOf(lease.updatedAt)} = c.now, ${nameOf(lease.touchedMs)} = c.now_ms,
  ${nameOf(lease.source)} = c.source, ${nameOf(lease.softwire)} = c.new_softwire,
  ${nameOf(lease.site)} = iif(c.in_use, ${lease.site}, c.site), ${nameOf(lease.relayPath)} = c.relay_path
FROM request c WHERE ${lease.slot} = +c.slot
  AND (c.running OR NOT c.softwire_taken) AND (c.in_use OR ${siteHasRoom})`,
};

/** What is the result of each claim? All facts are in a single row, so they take one fetch. */
const readFacts: BatchStatement = {
  name: "read-facts",
  template: sql`WITH ${clock}, ${claims("all", factRows)}
SELECT (SELECT ${configuration.revision} FROM ${configuration}) AS revision, now_ms, (
  SELECT json_group_array(json_array(
    c.ordinal, ${own.slot}, ${own.state}, ${own.expiresAt} - now, hex(${own.softwire}), hex(${own.source}),
    ${own.slot} IS NULL AND c.pool_ids IS NOT NULL AND ${firstPoolWithRoom} IS NOT NULL,
    iif(c.site_max IS NULL OR ${own.slot} IS NOT NULL, 0, ${siteLeases}),
    c.softwire IS NOT NULL AND EXISTS (
      SELECT 1 FROM ${lease} ${other} WHERE ${other.softwire} = c.softwire AND ${other.slot} IS NOT ${own.slot}
        AND ${other.state} = ${bound} AND ${other.expiresAt} > now
    ),
    ${own.slot} IS NULL AND c.first_slot IS NOT NULL AND EXISTS (
      SELECT 1 FROM ${lease} ${other} WHERE ${other.slot} = c.first_slot
        AND ${other.state} = ${bound} AND ${other.expiresAt} > now
    )
  ))
  FROM clock CROSS JOIN claim c
  LEFT JOIN ${ownOfClaim}
) AS facts
FROM clock`,
};

/** All statements of a batch, in the order in which they run. */
export const batchStatements: readonly BatchStatement[] = [
  endLeases,
  offerOwn,
  offerWanted,
  offerNew,
  advanceCursor,
  bindLeases,
  readFacts,
];
