/**
 * The statements of a batch. Each has a name, answers the question in its comment, and serves all claims of the batch:
 * claims are passed as rows of two parameters, so their number changes neither the number of statements nor the number of
 * round trips. Only the kinds of claims decide which statements run. They run in the order of {@link batchStatements}, in
 * one transaction that holds the write lock.
 *
 * Three rules keep them fast with millions of rows. Claims are the outer loop, and leases are found by key (`CROSS
 * JOIN` fixes this order; a test reads the query plans). A subselect that finds a slot is bounded by the number of
 * claims. No statement scans for expired leases: expiry is a comparison with `free_at` when a slot is needed.
 *
 * Parameters: `offers`, `hints`, `binds`, `ends`, `all` (positions of rows, as JSON), `offerCells`, `hintCells`, `bindCells`,
 * `endCells`, `factCells` (these rows, `claim-rows.ts`), `pools` (ids, as JSON), `revision` (the configuration
 * that the claims were made from), `until` (the deadline of the batch: the last Unix second of the database's clock at
 * which it may change anything, or null), `received` (a time before any message of the batch arrived, in milliseconds
 * of the database's clock, or null).
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { clockStepSecondsMin, offerSkipMax, relayFramesMax } from "../../limits.ts";
import { literal, nameOf, namesOf, takeExcluded } from "../database/columns.ts";
import { configuration, freeNever, instant, lease, LeaseState, pool } from "../database/schema.ts";
import { keptQuarantine, quarantineAfter, restOfQuarantine } from "../database/quarantine.ts";
import { slotKeySql } from "../database/slot-sql.ts";
import { instantSeconds } from "../database/time.ts";
import { bindRows, endRows, factRows, offerRows } from "./claim-rows.ts";
import { handOver, isPendingMove, movesTo } from "../database/moves.ts";

/** The parameters of all statements. Each statement uses some of them. */
export type ParameterName =
  | "offers"
  | "offerCells"
  | "hints"
  | "hintCells"
  | "binds"
  | "bindCells"
  | "ends"
  | "endCells"
  | "all"
  | "factCells"
  | "pools"
  | "revision"
  | "until"
  | "received";

/** The parameters that list claims: positions of rows, as JSON. */
type ListName = "offers" | "hints" | "binds" | "ends";

/** One statement. */
export interface BatchStatement {
  readonly name: string;
  /**
   * The lists that it works on. In a batch in which all of them are empty, the statement would do nothing, and is left
   * out: on a file, those that do nothing took a third of the time of a batch of four renewals. Undefined for the
   * statement that every batch needs.
   */
  readonly lists?: readonly ListName[];
  readonly template: SQL;
}

const parameter = (name: ParameterName): SQL => sql`${sql.placeholder(name)}`;

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
const mine = alias(lease, "mine");
const former = alias(lease, "former");
const goal = alias(lease, "goal");
const p = alias(pool, "p");

/**
 * The instant of the batch, in seconds and milliseconds: all leases are compared with the same time. `now` is rounded
 * down and `now_up` is rounded up. A time that begins now ends a number of seconds after `now_up`: if it were counted
 * from `now`, it would be too short by a part of a second.
 */
const clock = sql`clock(now, now_ms, now_up) AS MATERIALIZED (
  SELECT ${instant.nowMs} / 1000, ${instant.nowMs}, (${instant.nowMs} + 999) / 1000 FROM ${instant}
)`;

/**
 * The rows of a parameter. There are none if the claims were made from an old configuration, because a pool that they
 * name may have been deleted. The caller then gets the new revision, and makes new claims. There are none either if the
 * deadline has passed.
 *
 * @param condition A further condition, which depends on no row: `AND …`.
 */
const claimsOf = (name: ParameterName, condition = sql``): SQL =>
  sql`json_each(iif((SELECT ${configuration.revision} FROM ${configuration}) = ${parameter("revision")}
    AND (${parameter("until")} IS NULL OR ${instantSeconds} <= ${parameter("until")})${condition}, ${parameter(name)}, '[]'))`;

/** A further condition of {@link claimsOf}: a move is pending. */
const andAnyoneMoves = sql` AND EXISTS (SELECT 1 FROM ${lease} ${own} WHERE ${own.domainId} > 0 AND ${own.moveTo} IS NOT NULL)`;

const claims = (name: ParameterName, columns: SQL): SQL =>
  sql`claim AS MATERIALIZED (SELECT ${columns} FROM ${claimsOf(name)})`;

const offerCells = parameter("offerCells");
const bindCells = parameter("bindCells");
const endCells = parameter("endCells");
const factCells = parameter("factCells");

const clientFields = ["domain_id", "client_id", "line"] as const;
const slotFields = ["first_slot", "last_slot", "slot_step"] as const;

/** A field of the row of `c` that few claims need. */
const bindField = (name: Parameters<typeof bindRows.read>[2]): SQL =>
  bindRows.read(bindCells, sql`c.position`, name);
const factField = (name: Parameters<typeof factRows.read>[2]): SQL =>
  factRows.read(factCells, sql`c.position`, name);

/**
 * The slot that belongs to the client of `c`: that of its line or, if it has none there, one that no other named line
 * uses or has used until lately. A message that repeats a client's identifier from another line reaches no lease and no
 * offer of the client, and does not get its pair in the quarantine. A line without a name (`''`) counts as equal to any
 * other. A reserved pair has no quarantine. Most clients have at most one row, so a client without a line takes one
 * look-up: the index by client has the lines in order.
 */
const ownSlot = sql`iif(c.line = '',
    (SELECT ${mine.slot} FROM ${lease} ${mine}
      WHERE ${mine.domainId} = c.domain_id AND ${mine.clientId} = c.client_id ORDER BY ${mine.line} LIMIT 1),
    coalesce(
      (SELECT ${mine.slot} FROM ${lease} ${mine}
        WHERE ${mine.domainId} = c.domain_id AND ${mine.clientId} = c.client_id AND ${mine.line} = c.line),
      (SELECT ${mine.slot} FROM clock CROSS JOIN ${lease} ${mine}
        WHERE ${mine.domainId} = c.domain_id AND ${mine.clientId} = c.client_id
          AND (${mine.line} = ''
            OR (${mine.expiresAt} <= now AND (${mine.freeAt} <= now OR ${mine.freeAt} = ${never}))) LIMIT 1)
    )
  )`;

/** Joins the row that belongs to the client of a claim. */
const ownOfClaim = sql`${lease} ${own} ON ${own.slot} = ${ownSlot}`;

/** The line of a row after its client's message: a message from a line without a name does not change it. */
const newLine = sql`iif(c.line = '', ${lease.line}, c.line)`;

/**
 * Rows that the site of `c` occupies: running leases and offers, and pairs in quarantine or declined. A reserved pair
 * counts only while it is in use.
 */
const isOccupied = sql`(${used.freeAt} > now AND (${used.freeAt} <> ${never}
      OR ${used.state} <= ${bound} AND ${used.expiresAt} > now))`;

/** Pairs that count against the limit of the site of `c`, apart from one slot (R7618-10-02). */
const siteLeasesBut = (slot: SQL, site = sql`c.site`): SQL => sql`(
    SELECT count(*) FROM clock CROSS JOIN ${lease} ${used}
    WHERE ${used.domainId} = c.domain_id AND ${used.site} = ${site} AND ${used.slot} IS NOT ${slot} AND ${isOccupied}
  )`;

/**
 * Whether the site of `c` may use one more pair beside those that it occupies. A batch has one claim for each site that
 * has a limit, so neither one batch nor two allocators at the same time can exceed the limit.
 *
 * `OR` would not do: where SQLite needs its value, it evaluates both sides, and a site without a limit may have a
 * hundred thousand pairs to count.
 *
 * @param slot The client's own slot, which does not count.
 */
const siteHasRoomBeside = (slot: SQL, siteMax = sql`c.site_max`): SQL =>
  sql`iif(${siteMax} IS NULL, TRUE, ${siteLeasesBut(slot)} < ${siteMax})`;

/** Number of rows that name the site of `c`, whatever their state. The limit bounds it, see {@link siteLeftover}. */
const siteRows = sql`(SELECT count(*) FROM ${lease} ${used}
      WHERE ${used.domainId} = c.domain_id AND ${used.site} = c.site)`;

/**
 * The pair that the site of `c` left first, for a site that has as many rows as its limit allows. It gets that one
 * again, even in its quarantine, so a site that comes and goes does not use up the pool, and counting its rows stays
 * cheap. Another device uses a declined pair, so that pair is not offered until it is free.
 */
const siteLeftover = sql`(
      SELECT ${former.slot} FROM clock CROSS JOIN ${lease} ${former}
      WHERE ${former.domainId} = c.domain_id AND ${former.site} = c.site AND ${former.expiresAt} <= now
        AND ${former.freeAt} <> ${never} AND ${former.moveFrom} IS NULL AND (${former.state} <> ${declined} OR ${former.freeAt} <= now)
        AND ${former.poolId} IN (SELECT value FROM json_each(c.pool_ids))
      ORDER BY ${former.expiresAt}, ${former.slot} LIMIT 1
    )`;

/**
 * A condition: the drain date of the row's pool has passed, so its clients must move even if their lease still runs.
 */
const isDrained = sql`EXISTS (SELECT 1 FROM ${pool} ${p} WHERE ${p.id} = ${own.poolId} AND ${p.drainUntil} <= now_up)`;

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

/** A condition: `c` names the slot. */
const names = (slot: Column): SQL =>
  sql`(${slot} BETWEEN c.first_slot AND c.last_slot AND (${slot} - c.first_slot) % c.slot_step = 0)`;

/**
 * A condition: `c` names the row's slot, or names no slot and so refers to any slot of its client.
 */
const isNamedSlot = sql`(c.first_slot IS NULL
    OR ${names(own.slot)})`;

/** The first pool in a claim's list that has a never-used slot or a slot that is free again. */
const firstPoolWithRoom = (poolIds: SQL): SQL => sql`(
      SELECT ${p.id} FROM json_each(${poolIds}) choice CROSS JOIN ${pool} ${p} ON ${p.id} = choice.value
      WHERE ${p.cursor} < ${p.slots}
        OR EXISTS (SELECT 1 FROM clock CROSS JOIN ${lease} ${free} WHERE ${free.poolId} = ${p.id} AND ${free.freeAt} <= now)
      ORDER BY choice.key LIMIT 1
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

/** A condition: the row was written while the clock was wrong, because its last change is in the future. */
const isFromFuture = sql`${own.updatedAt} > now + ${literal(clockStepSecondsMin)}`;

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
 * was offered, bound or renewed after the message arrived does not end, unless an earlier message of the same batch did
 * that. A lease that is kept by mistake lasts until it expires, but the pair of a lease that is ended by mistake would
 * soon belong to two clients.
 *
 * The lease ended within the second `now`. A quarantine begins at the end of that second, so that it is never shorter
 * than configured; without a quarantine the pair is free at once, because its client has given it up.
 */
const endLeases: BatchStatement = {
  name: "end-leases",
  lists: ["ends"],
  template: sql`WITH ${clock}, ${claims("ends", endRows.columns(endCells, ...clientFields, ...slotFields, "newest_state", "state", "quarantine", "changed_ms"))}, ending AS MATERIALIZED (
  SELECT c.*, ${own.slot} AS own_slot, now, now_ms, iif(c.quarantine > 0, now_up, now) AS kept_from
  FROM clock CROSS JOIN claim c
  CROSS JOIN ${ownOfClaim}
  WHERE ${isNamedSlot} AND ${own.state} <= c.newest_state
    AND (${parameter("received")} IS NULL OR ${lastChangedMs} <= ${parameter("received")} OR ${lastChangedMs} = c.changed_ms)
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

/**
 * The claims of clients that move. While nobody moves, this costs one look-up in a partial index, and the claims are not
 * read. While somebody does, it costs one look-up for each claim, and only the claims of clients that move are read any
 * further.
 */
const moverClaims = (name: ParameterName, claimant: Claimant, columns: SQL): SQL =>
  sql`SELECT ${columns} FROM ${claimsOf(name, andAnyoneMoves)}
    WHERE EXISTS (SELECT 1 FROM ${lease} ${own} WHERE ${own.domainId} = ${claimant.domainId}
      AND ${own.clientId} = ${claimant.clientId} AND ${own.moveTo} IS NOT NULL)`;

/** Domain and client of a row, before any other field is read. */
interface Claimant {
  readonly domainId: SQL;
  readonly clientId: SQL;
}

const claimantOf = (rows: typeof bindRows | typeof offerRows | typeof endRows, cells: SQL): Claimant => ({
  domainId: rows.read(cells, sql`value`, "domain_id"),
  clientId: rows.read(cells, sql`value`, "client_id"),
});

/** A condition: the row is a running lease. */
const isLeased = sql`(${own.state} = ${bound} AND ${own.expiresAt} > now)`;

/**
 * Which clients leave their pair for the one that an operator moves them to (`database/moves.ts`)? Those whose lease has
 * ended, those that ask to keep the pair, because they are refused, and those that accept the new one. A DISCOVER takes no
 * running lease, unless Rapid Commit gives the new one at once or the old pair's pool is drained.
 *
 * The statements that follow see a client whose own row is the new one.
 */
const handOverMoved: BatchStatement = {
  name: "hand-over-moved",
  lists: ["binds", "offers", "ends"],
  template: sql`WITH ${clock}, claim AS MATERIALIZED (
  ${moverClaims("binds", claimantOf(bindRows, bindCells), sql`'bind' AS kind, ${bindRows.columns(bindCells, ...clientFields, ...slotFields, "pool_ids", "oldest_state")}`)}
  UNION ALL ${moverClaims("offers", claimantOf(offerRows, offerCells), sql`'offer', ${offerRows.columns(offerCells, ...clientFields)}, NULL, NULL, NULL, NULL, NULL`)}
  UNION ALL ${moverClaims("ends", claimantOf(endRows, endCells), sql`'end', ${endRows.columns(endCells, ...clientFields)}, NULL, NULL, NULL, NULL, NULL`)}
), leaving AS MATERIALIZED (
  SELECT DISTINCT ${own.slot} AS slot, ${goal.slot} AS goal,
    ${names(goal.slot)} AND c.oldest_state = ${offered} AS selects
  FROM clock CROSS JOIN claim c
  CROSS JOIN ${lease} ${own} ON ${own.domainId} = c.domain_id AND ${own.clientId} = c.client_id
    AND ${own.moveTo} IS NOT NULL AND +${own.slot} = ${ownSlot}
  CROSS JOIN ${lease} ${goal} ON ${isPendingMove(own, goal)}
  WHERE CASE c.kind
    WHEN 'bind' THEN iif(c.pool_ids IS NULL, ${names(own.slot)} OR ${names(goal.slot)} AND c.oldest_state = ${offered},
      ${goal.poolId} IN (SELECT value FROM json_each(c.pool_ids)))
    WHEN 'offer' THEN NOT ${isLeased} OR ${isDrained}
    ELSE NOT ${isLeased} END
)
${handOver(sql`leaving`)}`,
};

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
const offerOwn: BatchStatement = {
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
const offerWanted: BatchStatement = {
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

/**
 * Which clients get a new pair (R7618-8-07d)? Slots that were never used come first, in fill order; then slots that
 * other clients have left, the longest unused first. This keeps the last client of a slot on record for as long as
 * possible. A client of a site that is at its limit gets the pair that the site left first.
 *
 * Slots ahead of the cursor that were given out on request are skipped. Each batch skips a limited number.
 */
const offerNew: BatchStatement = {
  name: "offer-new",
  lists: ["offers"],
  template: sql`WITH RECURSIVE ${clock}, ${claims("offers", offerRows.columns(offerCells, ...offerFields))}, ${unheld}, ${demand},
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
UNION ALL
SELECT c.leftover, ${offerValues} FROM clock CROSS JOIN unheld c WHERE c.leftover IS NOT NULL
${takeOver}`,
};

const target = alias(pool, "target");

/**
 * Where does the never-used part of each pool begin now? The search is bounded; the next batch continues it.
 */
const advanceCursor: BatchStatement = {
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

/**
 * The end that the client of a running lease may have been told before. If the row is from the future, its clock was
 * set back since; then only the rest that the lease had when it was written counts.
 */
const toldUntil = sql`iif(${own.state} = ${bound} AND ${own.expiresAt} > now,
        ${own.expiresAt} - iif(${isFromFuture}, ${own.updatedAt} - now, 0), 0)`;

/**
 * The end of the lease after a REQUEST: never earlier than an end that its client may have been told. The ACK of a
 * renewal that shortens the lease may be lost. Its client then still relies on the previous ACK (RFC 2131 §2.2).
 */
const newEnd = sql`max(c.told_until, c.now_up + c.lease_seconds)`;

/** A condition: the tenure continues, because site, source and softwire address are unchanged. */
const isSameTenure = sql`c.running AND c.same_site AND c.new_softwire IS ${lease.softwire} AND c.source IS ${lease.source}`;

const bindColumns = bindRows.columns(
  bindCells,
  ...clientFields,
  "site",
  ...slotFields,
  "oldest_state",
  "source_must_match",
  "takes_offered",
  "wanted_seconds",
  "quarantine",
  "softwire",
  "source",
  "relay_path",
);

/** A further condition of {@link claimsOf}: the statement before has not changed a row for each claim. */
const andSomeAreLeft = sql` AND changes() < json_array_length(${parameter("binds")})`;

/** A condition: the columns that indexes have, apart from those of times, stay as they are. */
const isSameInIndexes = sql`(c.same_site AND +c.new_softwire IS +${lease.softwire} AND ${newLine} = +${lease.line})`;

/**
 * Which REQUESTs name the pair that belongs to their client, and so become or stay leases? The softwire address (RFC
 * 8539 §8) is updated unless it is forbidden, the running lease of another client has it, or it changes too often. A
 * pair that is no longer in use, or that comes from another site, counts against its site as a new one does. In a pool
 * that is being drained, no client is granted a time past the drain date. A client that accepts an offer without naming
 * a lease time gets the time that it was offered.
 *
 * When site, source or softwire address change, one tenure ends and another begins.
 *
 * Most messages change neither site nor softwire address nor line. SQLite writes an index again if the statement sets a
 * column of it, even to the same value, so a statement that does not set them comes first: a renewal took a quarter less. The
 * second one does nothing if that has changed a row for each claim.
 *
 * @param changes What the statement is for: rows in which those columns change, or those in which they stay.
 */
const bindLeases = (changes: boolean): SQL => sql`WITH ${clock}, claim AS MATERIALIZED (
  SELECT ${bindColumns} FROM ${claimsOf("binds", changes ? andSomeAreLeft : undefined)}
), request AS MATERIALIZED (
  SELECT *, iif(softwire IS NULL OR softwire_taken
      OR (running AND own_softwire IS NOT NULL AND now - since < ${bindField("softwire_interval")}),
    own_softwire, softwire) AS new_softwire,
    min(granted_seconds, ifnull(drain_until - now_up, granted_seconds)) AS lease_seconds
  FROM (
    SELECT c.*, now, now_ms, now_up, ${toldUntil} AS told_until, ${own.slot} AS slot, ${own.since} AS since, ${own.site} IS c.site AS same_site,
      iif(c.takes_offered, ifnull(${own.statedSeconds}, c.wanted_seconds), c.wanted_seconds) AS granted_seconds,
      iif(${own.state} = ${bound} AND ${own.expiresAt} > now, ${own.softwire}, NULL) AS own_softwire,
      ${own.expiresAt} > now AS in_use,
      (SELECT ${p.drainUntil} FROM ${pool} ${p} WHERE ${p.id} = ${own.poolId}) AS drain_until,
      ${own.state} = ${bound} AND ${own.expiresAt} > now AS running,
      iif(c.softwire IS NULL, ${bindField("softwire_forbidden")}, EXISTS (
        SELECT 1 FROM ${lease} ${other} WHERE ${other.softwire} = c.softwire AND ${other.slot} <> ${own.slot}
          AND ${other.state} = ${bound} AND ${other.expiresAt} > now
      )) AS softwire_taken
    FROM clock CROSS JOIN claim c
    CROSS JOIN ${ownOfClaim}
    WHERE ${isNamedSlot}
      AND (c.first_slot IS NOT NULL
        OR ${own.poolId} IN (SELECT value FROM json_each(${bindField("pool_ids")})) AND ${movesTo(own)} IS NULL)
      AND ${own.state} BETWEEN c.oldest_state AND ${bound}
      AND (NOT c.source_must_match OR ${own.source} IS c.source)
  ) c
  WHERE drain_until IS NULL OR drain_until > now_up
)
UPDATE ${lease} SET
  ${nameOf(lease.state)} = ${bound},
  ${nameOf(lease.expiresAt)} = ${newEnd},
  ${nameOf(lease.freeAt)} = iif(${lease.freeAt} = ${never}, ${never}, ${newEnd} + c.quarantine),
  ${nameOf(lease.quarantineUntil)} = NULL,
  ${nameOf(lease.since)} = iif(${isSameTenure}, ${lease.since}, c.now),
  ${nameOf(lease.statedSeconds)} = c.lease_seconds,
  ${nameOf(lease.updatedAt)} = c.now, ${nameOf(lease.touchedMs)} = c.now_ms,
  ${nameOf(lease.source)} = c.source, ${nameOf(lease.relayPath)} = c.relay_path,
  ${
    changes
      ? sql`${nameOf(lease.site)} = c.site, ${nameOf(lease.softwire)} = c.new_softwire, ${nameOf(lease.line)} = ${newLine},`
      : sql``
  }
  ${nameOf(lease.firstRelayPath)} = iif(${isSameTenure}, ${lease.firstRelayPath}, c.relay_path)
FROM request c CROSS JOIN clock WHERE ${lease.slot} = +c.slot
  AND (c.running OR NOT c.softwire_taken)
  AND ${changes ? sql`NOT ` : sql``}${isSameInIndexes}
  AND (c.in_use AND c.same_site OR ${siteHasRoomBeside(sql`c.slot`, bindField("site_max"))})`;

const bindUnchanged: BatchStatement = {
  name: "bind-unchanged",
  lists: ["binds"],
  template: bindLeases(false),
};

const bindChanged: BatchStatement = {
  name: "bind-changed",
  lists: ["binds"],
  template: bindLeases(true),
};

/**
 * What is the result of each claim? All facts are in a single row, so they take one fetch. Where a value is needed, SQLite
 * evaluates both sides of AND and OR, but only one branch of `iif`.
 *
 * The remaining time is rounded down, because a client counts it from now on. -1 means that it has ended, and 0 that less
 * than a second is left.
 */
const readFacts: BatchStatement = {
  name: "read-facts",
  template: sql`WITH ${clock}, ${claims("all", factRows.columns(factCells, "domain_id", "client_id", "line", "softwire"))}
SELECT (SELECT ${configuration.revision} FROM ${configuration}) AS revision, now_ms, (
  SELECT json_group_array(json_array(
    c.ordinal, ${own.slot}, ${own.state}, iif(${own.expiresAt} > now, ${own.expiresAt} - now_up, -1), ${own.statedSeconds}, hex(${own.softwire}), hex(${own.source}),
    iif(${own.slot} IS NULL, ${firstPoolWithRoom(factField("pool_ids"))} IS NOT NULL, FALSE),
    iif(${own.slot} IS NOT NULL OR ${factField("site_max")} IS NULL, 0,
      ${siteLeasesBut(sql`NULL`, factField("site"))}),
    iif(c.softwire IS NULL, FALSE, EXISTS (
      SELECT 1 FROM ${lease} ${other} WHERE ${other.softwire} = c.softwire AND ${other.slot} IS NOT ${own.slot}
        AND ${other.state} = ${bound} AND ${other.expiresAt} > now
    )),
    iif(${own.slot} IS NULL, EXISTS (
      SELECT 1 FROM ${lease} ${other} WHERE ${other.slot} = ${factField("first_slot")}
        AND ${other.state} = ${bound} AND ${other.expiresAt} > now
    ), FALSE),
    iif(${own.slot} IS NULL AND c.line <> '', EXISTS (
      SELECT 1 FROM ${lease} ${other} WHERE ${other.domainId} = c.domain_id AND ${other.clientId} = c.client_id
    ), FALSE),
    ${movesTo(own)}
  ))
  FROM clock CROSS JOIN claim c
  LEFT JOIN ${ownOfClaim}
) AS facts
FROM clock`,
};

/** All statements that a batch may need, in the order in which they run. */
export const batchStatements: readonly BatchStatement[] = [
  endLeases,
  handOverMoved,
  offerOwn,
  offerWanted,
  offerNew,
  advanceCursor,
  bindUnchanged,
  bindChanged,
  readFacts,
];
