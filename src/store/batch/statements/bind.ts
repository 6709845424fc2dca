/**
 * The statements that make offers leases, and renew leases.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import { nameOf } from "../../database/columns.ts";
import { movesTo } from "../../database/moves.ts";
import { lease, pool } from "../../database/schema.ts";
import { bindRows } from "../claim-rows.ts";
import { bound, isFromFuture, isNamedSlot, never, newLine, other, own, ownOfClaim, p } from "./clauses.ts";
import { siteHasRoomBeside } from "./room.ts";
import { bindCells, claimsOf, clientFields, clock, parameter, slotFields } from "./statement.ts";
import type { BatchStatement } from "./statement.ts";

/** A field of the row of `c` that few claims need. */
const bindField = (name: Parameters<typeof bindRows.read>[2]): SQL =>
  bindRows.read(bindCells, sql`c.position`, name);
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

/** A condition: the pair may count against its site, because it already does or there is room. */
const hasRoom = sql`iif(in_use AND same_site, TRUE, ${siteHasRoomBeside(sql`c.slot`, bindField("site_max"))})`;

/** What a column of a lease has after a REQUEST, and, where there is no room, if it does not stay as it is. */
type Value = readonly [column: Column, bound: SQL, refused?: SQL];

/** Values of columns that no index has, and of times. */
const boundValues: readonly Value[] = [
  [lease.state, bound],
  [lease.expiresAt, newEnd, sql`c.told_until`],
  [
    lease.freeAt,
    sql`iif(${lease.freeAt} = ${never}, ${never}, ${newEnd} + c.quarantine)`,
    sql`iif(${lease.freeAt} = ${never}, ${never}, ${lease.freeAt} - ${lease.expiresAt} + c.told_until)`,
  ],
  [lease.quarantineUntil, sql`NULL`],
  [lease.since, sql`iif(${isSameTenure}, ${lease.since}, c.now)`],
  [lease.statedSeconds, sql`c.lease_seconds`],
  [lease.source, sql`c.source`],
  [lease.relayPath, sql`c.relay_path`],
  [lease.firstRelayPath, sql`iif(${isSameTenure}, ${lease.firstRelayPath}, c.relay_path)`],
];

/** Values of the other columns. */
const indexedValues: readonly Value[] = [
  [lease.site, sql`c.site`],
  [lease.softwire, sql`c.new_softwire`],
  [lease.line, newLine],
];

/**
 * Which REQUESTs name the pair that belongs to their client, and so become or stay leases? The softwire address (RFC
 * 8539 §8) is updated unless it is forbidden, the running lease of another client has it, or it changes too often. A
 * pair that is no longer in use, or that comes from another site, counts against its site as a new one does. In a pool
 * that is being drained, no client is granted a time past the drain date. A client that accepts an offer without naming
 * a lease time gets the time that it was offered.
 *
 * When site, source or softwire address change, one tenure ends and another begins.
 *
 * If a client moves to a site that is full, it keeps its running lease until that lease expires, and the DHCPACK says so.
 * The row notes the time of this answer: a RELEASE that the client sent earlier must not end the lease. Noting the time
 * also makes a row from the future look normal, so its end is corrected at the same time.
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
    min(granted_seconds, ifnull(drain_until - now_up, granted_seconds)) AS lease_seconds,
    ${changes ? hasRoom : sql`iif(same_site, ${hasRoom}, FALSE)`} AS has_room
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
  ${nameOf(lease.updatedAt)} = c.now, ${nameOf(lease.touchedMs)} = c.now_ms,
  ${sql.join(
    [...boundValues, ...(changes ? indexedValues : [])].map(([column, value, refused]) =>
      changes
        ? sql`${nameOf(column)} = iif(c.has_room, ${value}, ${refused ?? sql`${column}`})`
        : sql`${nameOf(column)} = ${value}`,
    ),
    sql`,
  `,
  )}
FROM request c CROSS JOIN clock WHERE ${lease.slot} = +c.slot
  AND (c.running OR NOT c.softwire_taken)
  AND ${changes ? sql`NOT ` : sql``}${isSameInIndexes}
  AND ${changes ? sql`(c.has_room OR c.running)` : sql`c.has_room`}`;

export const bindUnchanged: BatchStatement = {
  name: "bind-unchanged",
  lists: ["binds"],
  template: bindLeases(false),
};

export const bindChanged: BatchStatement = {
  name: "bind-changed",
  lists: ["binds"],
  template: bindLeases(true),
};
