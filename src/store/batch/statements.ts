/**
 * The statements of a batch. Each has a name, says which question it answers, and serves all claims of the batch
 * at once: claims come in as one JSON text, so their number changes neither the number of statements nor of
 * round trips. They run in the order of {@link batchStatements}, in one transaction that holds the write lock.
 *
 * Three habits keep them fast at millions of rows. Claims are the outer loop and leases are found by key
 * (`CROSS JOIN` fixes that order; a test reads the query plans). A subselect that finds a slot is bounded by the
 * number of claims. Nothing scans for what has expired: expiry is a comparison with `free_at` at the moment of need.
 *
 * Named parameters: `:offers`, `:wishes`, `:pools`, `:binds`, `:ends`, `:all` (JSON, `claim-rows.ts`), `:revision`
 * (the configuration that the claims were made from), `:now` (Unix seconds, or null for the database's clock),
 * `:until` (the last Unix second of the database's clock at which the batch is wanted, or null), `:received`
 * (milliseconds of the database's clock at which the batch had certainly not come yet, or null).
 *
 * @module
 */
import { offerSkipMax, relayFramesMax } from "../../limits.ts";
import { bindRows, endRows, factRows, offerRows } from "./claim-rows.ts";
import { freeNever, LeaseState } from "../database/schema.ts";

const { offered, bound, released, declined } = LeaseState;

/** One statement: its text holds only the parameters that it is given. */
export interface Statement {
  readonly name: string;
  readonly sql: string;
}

/** Milliseconds of Unix time, by the database's own clock also where a test pins the other. */
export const clockMs = `CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER)`;

/** One clock judges all leases: the database's. A test pins it. */
const clock = `clock(now, now_ms) AS MATERIALIZED (
  SELECT coalesce(CAST(:now AS INTEGER), unixepoch()), ${clockMs}
)`;

/**
 * Claims of a stale configuration match nothing: pools may be gone that they name. The caller sees the newer
 * revision in the facts and makes its claims anew. Claims that nobody waits for any more match nothing either.
 */
const claimsOf = (parameter: string): string =>
  `json_each(iif((SELECT revision FROM configuration) = CAST(:revision AS INTEGER)
    AND (:until IS NULL OR unixepoch() <= CAST(:until AS INTEGER)), ${parameter}, '[]'))`;

const claims = (parameter: string, rows: { readonly columns: string }): string =>
  `claim AS MATERIALIZED (SELECT ${rows.columns} FROM ${claimsOf(parameter)})`;

/** Leases and offers that the site of `c` uses, for R7618-10-02. */
const siteLeases = `(
    SELECT count(*) FROM clock CROSS JOIN lease used
    WHERE used.domain_id = c.domain_id AND used.site = c.site
      AND used.state <= ${bound} AND used.expires_at > now
  )`;

/**
 * Whether the site of `c` may use one pair more. A batch has one claim of a site that has a limit, so neither it
 * nor two allocators side by side can pass the limit.
 */
const siteHasRoom = `(c.site_max IS NULL OR ${siteLeases} < c.site_max)`;

/** The pool of the row is drained to the end: its clients have to move, whatever they were told. */
const isDrained = `EXISTS (SELECT 1 FROM pool p WHERE p.id = own.pool_id AND p.drain_until <= now)`;

/** Claims that hold no row, and whose site has room. */
const unheld = `unheld AS MATERIALIZED (
  SELECT c.* FROM claim c
  WHERE NOT EXISTS (SELECT 1 FROM lease own WHERE own.domain_id = c.domain_id AND own.client_id = c.client_id)
    AND ${siteHasRoom}
)`;

/** Number of a slot in its pool -> its key. The numbers are in fill order (`portset/pool-geometry.ts`). */
const keyOf = (number: string, poolId: string): string => `(${poolId} << 32) + ${number}`;

/** The row's slot is one of those that `c` names; a claim that names none means whatever its client has. */
const isNamedSlot = `(c.first_slot IS NULL
    OR (own.slot BETWEEN c.first_slot AND c.last_slot AND (own.slot - c.first_slot) % c.slot_step = 0))`;

/** The first pool on a claim's list that has a slot never used, or one that is free again. */
const firstPoolWithRoom = `(
      SELECT p.id FROM json_each(c.pool_ids) choice CROSS JOIN pool p ON p.id = choice.value
      WHERE p.cursor < p.slots
        OR EXISTS (SELECT 1 FROM clock CROSS JOIN lease free WHERE free.pool_id = p.id AND free.free_at <= now)
      ORDER BY choice.key LIMIT 1
    )`;

/** Claims still without a row, numbered within the pool that is to serve them. */
const demand = `placed AS MATERIALIZED (
  SELECT c.*, ${firstPoolWithRoom} AS pool_id FROM unheld c
), demand AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY pool_id ORDER BY ordinal) AS rank
  FROM placed WHERE pool_id IS NOT NULL
)`;

/** Columns that a slot gets when it is offered to a client who did not have it. */
const offerColumns = `slot, domain_id, client_id, state, expires_at, free_at, since, updated_at, touched_ms, source, softwire, site, relay_path`;
const offerValues = `c.domain_id, c.client_id, ${offered}, now + c.hold, now + c.hold, NULL, now, now_ms, NULL, NULL, c.site, NULL`;

/** A slot that has a row changes hands only when it is free: whoever else came to it first keeps it. */
const takeOver = `ON CONFLICT (slot) DO UPDATE SET
  domain_id = excluded.domain_id, client_id = excluded.client_id, state = excluded.state,
  expires_at = excluded.expires_at, free_at = excluded.free_at, since = NULL, updated_at = excluded.updated_at,
  touched_ms = excluded.touched_ms, source = NULL, softwire = NULL, site = excluded.site, relay_path = NULL
WHERE lease.free_at <= excluded.updated_at`;

/**
 * When the row was changed last, in milliseconds. Where only the second is known, it was at the end of the second:
 * who is in doubt keeps a lease.
 */
const lastChangedMs = `iif(own.touched_ms / 1000 IS own.updated_at, own.touched_ms, own.updated_at * 1000 + 999)`;

/**
 * Whom does a RELEASE, a DECLINE or a choice of another server concern: the row that says client and pair. A pair
 * that is reserved stays its client's, also when the client can't use it now.
 *
 * Datagrams have no order: a RELEASE that waited somewhere may come after its client has been given the pair again.
 * So nothing ends that was offered, bound or renewed after the message had come. What is spared by mistake lasts until
 * its time is up; what was ended by mistake would soon be two clients'.
 */
const endLeases: Statement = {
  name: "end-leases",
  sql: `WITH ${clock}, ${claims(":ends", endRows)}, ending AS MATERIALIZED (
  SELECT c.*, own.slot AS own_slot, now, now_ms FROM clock CROSS JOIN claim c
  CROSS JOIN lease own ON own.domain_id = c.domain_id AND own.client_id = c.client_id
  WHERE ${isNamedSlot} AND own.state <= c.newest_state
    AND (:received IS NULL OR ${lastChangedMs} <= CAST(:received AS INTEGER))
)
UPDATE lease SET
  state = e.state,
  client_id = iif(e.state = ${declined} AND lease.free_at <> ${freeNever}, NULL, lease.client_id),
  expires_at = min(lease.expires_at, e.now),
  free_at = iif(lease.free_at = ${freeNever}, ${freeNever}, min(lease.expires_at, e.now) + e.quarantine),
  since = NULL, softwire = NULL, updated_at = e.now, touched_ms = e.now_ms
FROM ending e WHERE lease.slot = +e.own_slot
RETURNING lease.slot`,
};

/**
 * Which clients get their own pair again: the one they hold, or held last (R7618-8-07a, b)? A running lease is
 * left as it is, because an offer takes nothing away; unless its pool is drained to the end. A pair of a pool that
 * no longer serves its client forgets the client, so that it can get another.
 */
const offerOwn: Statement = {
  name: "offer-own",
  sql: `WITH ${clock}, ${claims(":offers", offerRows)}, idle AS MATERIALIZED (
  SELECT c.*, own.slot AS own_slot, own.free_at = ${freeNever} AS reserved,
    own.state = ${offered} AND own.expires_at > now AND own.site IS c.site AS running,
    own.pool_id IN (SELECT value FROM json_each(c.pool_ids)) AS served
  FROM clock CROSS JOIN claim c
  CROSS JOIN lease own ON own.domain_id = c.domain_id AND own.client_id = c.client_id
  WHERE NOT (own.state = ${bound} AND own.expires_at > now) OR ${isDrained}
)
UPDATE lease SET
  state = iif(c.served, ${offered}, ${released}),
  client_id = iif(c.served, lease.client_id, NULL),
  expires_at = iif(c.served, now + c.hold, lease.expires_at),
  free_at = iif(c.served AND NOT c.reserved, max(lease.free_at, now + c.hold), lease.free_at),
  since = NULL, updated_at = now, touched_ms = now_ms, source = NULL, softwire = NULL, site = c.site, relay_path = NULL
FROM idle c, clock WHERE lease.slot = +c.own_slot
  AND iif(c.served, c.running OR ${siteHasRoom}, NOT c.reserved)`,
};

/** Which clients without a row get the pair they asked for, because nobody uses it (R7618-8-07c)? */
const offerWanted: Statement = {
  name: "offer-wanted",
  sql: `WITH ${clock}, ${claims(":wishes", offerRows)}, ${unheld}, wish AS MATERIALIZED (
  SELECT c.*, (
    SELECT w.value FROM clock CROSS JOIN json_each(c.wanted_slots) w LEFT JOIN lease taken ON taken.slot = w.value
    WHERE taken.slot IS NULL OR taken.free_at <= now ORDER BY w.key LIMIT 1
  ) AS slot
  FROM unheld c
)
INSERT INTO lease (${offerColumns})
SELECT c.slot, ${offerValues} FROM clock CROSS JOIN wish c WHERE c.slot IS NOT NULL ORDER BY c.ordinal
${takeOver}`,
};

/**
 * Which clients get a new pair (R7618-8-07d)? The slots that were never used come first, in fill order; then those
 * that others have left, the longest unused first: so a pair stays with its client's memory as long as can be.
 *
 * Slots that were given out on request lie ahead of the cursor and are stepped over, a bounded number at a time.
 */
const offerNew: Statement = {
  name: "offer-new",
  sql: `WITH RECURSIVE ${clock}, ${claims(":offers", offerRows)}, ${unheld}, ${demand},
need AS MATERIALIZED (
  SELECT p.id, p.slots, p.cursor, (SELECT count(*) FROM unheld) AS claims
  FROM ${claimsOf(":pools")} listed CROSS JOIN pool p ON p.id = listed.value
), ahead(pool_id, number, last) AS (
  SELECT id, cursor, min(slots, cursor + claims + ${offerSkipMax}) - 1 FROM need
  WHERE claims > 0 AND cursor < slots
  UNION ALL
  SELECT pool_id, number + 1, last FROM ahead WHERE number < last
), available(pool_id, slot, turn) AS (
  SELECT a.pool_id, ${keyOf("a.number", "a.pool_id")}, -1 FROM ahead a
  WHERE NOT EXISTS (SELECT 1 FROM lease taken WHERE taken.slot = ${keyOf("a.number", "a.pool_id")})
  UNION ALL
  SELECT n.id, other.slot, other.free_at FROM need n CROSS JOIN lease other ON other.slot IN (
    SELECT free.slot FROM clock CROSS JOIN lease free WHERE free.pool_id = n.id AND free.free_at <= now
    ORDER BY free.free_at LIMIT (SELECT count(*) FROM unheld)
  )
), numbered AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY pool_id ORDER BY turn, slot) AS rank FROM available
)
INSERT INTO lease (${offerColumns})
SELECT s.slot, ${offerValues}
FROM clock CROSS JOIN numbered s CROSS JOIN demand c ON c.pool_id = s.pool_id AND c.rank = s.rank
WHERE true ${takeOver}`,
};

/** Where does each pool's never-used part begin now? Looks a bounded way ahead; the next batch goes on from there. */
const advanceCursor: Statement = {
  name: "advance-cursor",
  sql: `WITH touched AS MATERIALIZED (SELECT value AS pool_id FROM ${claimsOf(":pools")})
UPDATE pool AS target SET cursor = (
  WITH RECURSIVE step(number) AS (
    SELECT target.cursor
    UNION ALL
    SELECT number + 1 FROM step CROSS JOIN pool p ON p.id = target.id
    WHERE number < min(p.slots, target.cursor + ${relayFramesMax + offerSkipMax})
      AND EXISTS (SELECT 1 FROM lease taken WHERE taken.slot = ${keyOf("number", "p.id")})
  )
  SELECT max(number) FROM step
)
FROM touched t
WHERE target.id = +t.pool_id AND EXISTS (
  SELECT 1 FROM pool p CROSS JOIN lease taken ON taken.slot = ${keyOf("p.cursor", "p.id")} WHERE p.id = target.id
)`,
};

/**
 * Which REQUESTs name the pair that is theirs, and so become or stay leases? The softwire address of RFC 8539 §8
 * is taken over unless the running lease of another client has it, or it changes too often. A pair that is not
 * in use any more counts against its site like a new one. In a pool that is drained no lease goes on after its end.
 */
const bindLeases: Statement = {
  name: "bind-leases",
  sql: `WITH ${clock}, ${claims(":binds", bindRows)}, request AS MATERIALIZED (
  SELECT *, iif(softwire IS NULL OR softwire_taken
      OR (running AND own_softwire IS NOT NULL AND now - since < softwire_interval),
    own_softwire, softwire) AS new_softwire,
    min(wanted_seconds, ifnull(drain_until - now, wanted_seconds)) AS lease_seconds
  FROM (
    SELECT c.*, now, now_ms, own.slot, own.since,
      iif(own.state = ${bound} AND own.expires_at > now, own.softwire, NULL) AS own_softwire,
      own.expires_at > now AS in_use,
      (SELECT p.drain_until FROM pool p WHERE p.id = own.pool_id) AS drain_until,
      own.state = ${bound} AND own.expires_at > now AS running,
      c.softwire IS NOT NULL AND EXISTS (
        SELECT 1 FROM lease other WHERE other.softwire = c.softwire AND other.slot <> own.slot
          AND other.state = ${bound} AND other.expires_at > now
      ) AS softwire_taken
    FROM clock CROSS JOIN claim c
    CROSS JOIN lease own ON own.domain_id = c.domain_id AND own.client_id = c.client_id
    WHERE ${isNamedSlot}
      AND (c.pool_ids IS NULL OR own.pool_id IN (SELECT value FROM json_each(c.pool_ids)))
      AND own.state BETWEEN c.oldest_state AND ${bound}
      AND (NOT c.source_must_match OR own.source IS c.source)
  )
  WHERE drain_until IS NULL OR drain_until > now
)
UPDATE lease SET
  state = ${bound},
  expires_at = c.now + c.lease_seconds,
  free_at = iif(lease.free_at = ${freeNever}, ${freeNever}, c.now + c.lease_seconds + c.quarantine),
  since = iif(c.running AND c.new_softwire IS lease.softwire AND c.source IS lease.source, lease.since, c.now),
  updated_at = c.now, source = c.source, softwire = c.new_softwire,
  touched_ms = c.now_ms, site = iif(c.in_use, lease.site, c.site), relay_path = c.relay_path
FROM request c WHERE lease.slot = +c.slot
  AND (c.running OR NOT c.softwire_taken) AND (c.in_use OR ${siteHasRoom})`,
};

/** What is now true for each claim? One row out, so that its cost is one fetch. */
const readFacts: Statement = {
  name: "read-facts",
  sql: `WITH ${clock}, ${claims(":all", factRows)}
SELECT (SELECT revision FROM configuration) AS revision, now, now_ms, (
  SELECT json_group_array(json_array(
    c.ordinal, own.slot, own.state, own.expires_at - now, hex(own.softwire), hex(own.source),
    own.slot IS NULL AND c.pool_ids IS NOT NULL AND ${firstPoolWithRoom} IS NOT NULL,
    iif(c.site_max IS NULL OR own.slot IS NOT NULL, 0, ${siteLeases}),
    c.softwire IS NOT NULL AND EXISTS (
      SELECT 1 FROM lease other WHERE other.softwire = c.softwire AND other.slot IS NOT own.slot
        AND other.state = ${bound} AND other.expires_at > now
    ),
    own.slot IS NULL AND c.first_slot IS NOT NULL AND EXISTS (
      SELECT 1 FROM lease other WHERE other.slot = c.first_slot
        AND other.state = ${bound} AND other.expires_at > now
    )
  ))
  FROM clock CROSS JOIN claim c
  LEFT JOIN lease own ON own.domain_id = c.domain_id AND own.client_id = c.client_id
) AS facts
FROM clock`,
};

/** All statements of a batch, in the order in which they run. */
export const batchStatements: readonly Statement[] = [
  endLeases,
  offerOwn,
  offerWanted,
  offerNew,
  advanceCursor,
  bindLeases,
  readFacts,
];
