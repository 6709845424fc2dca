/**
 * Clauses about the room that a site or a pool has for one more pair.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { lease, pool } from "../../database/schema.ts";
import { bound, declined, never, p } from "./clauses.ts";

const used = alias(lease, "used");
const former = alias(lease, "former");
const free = alias(lease, "free");

/**
 * Rows that the site of `c` occupies: running leases and offers, and pairs in quarantine or declined. A reserved pair
 * counts only while it is in use.
 */
const isOccupied = sql`(${used.freeAt} > now AND (${used.freeAt} <> ${never}
      OR ${used.state} <= ${bound} AND ${used.expiresAt} > now))`;

/** Pairs that count against the limit of the site of `c`, apart from one slot (R7618-10-02). */
export const siteLeasesBut = (slot: SQL, site = sql`c.site`): SQL => sql`(
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
export const siteHasRoomBeside = (slot: SQL, siteMax = sql`c.site_max`): SQL =>
  sql`iif(${siteMax} IS NULL, TRUE, ${siteLeasesBut(slot)} < ${siteMax})`;

/** Number of rows that name the site of `c`, whatever their state. The limit bounds it, see {@link siteLeftover}. */
export const siteRows = sql`(SELECT count(*) FROM ${lease} ${used}
      WHERE ${used.domainId} = c.domain_id AND ${used.site} = c.site)`;

/**
 * The pair that the site of `c` left first, for a site that has as many rows as its limit allows. It gets that one
 * again, even in its quarantine, so a site that comes and goes does not use up the pool, and counting its rows stays
 * cheap. Another device uses a declined pair, so that pair is not offered until it is free.
 */
export const siteLeftover = sql`(
      SELECT ${former.slot} FROM clock CROSS JOIN ${lease} ${former}
      WHERE ${former.domainId} = c.domain_id AND ${former.site} = c.site AND ${former.expiresAt} <= now
        AND ${former.freeAt} <> ${never} AND ${former.moveFrom} IS NULL AND (${former.state} <> ${declined} OR ${former.freeAt} <= now)
        AND ${former.poolId} IN (SELECT value FROM json_each(c.pool_ids))
      ORDER BY ${former.expiresAt}, ${former.slot} LIMIT 1
    )`;

/** The first pool in a claim's list that has a never-used slot or a slot that is free again. */
export const firstPoolWithRoom = (poolIds: SQL): SQL => sql`(
      SELECT ${p.id} FROM json_each(${poolIds}) choice CROSS JOIN ${pool} ${p} ON ${p.id} = choice.value
      WHERE ${p.cursor} < ${p.slots}
        OR EXISTS (SELECT 1 FROM clock CROSS JOIN ${lease} ${free} WHERE ${free.poolId} = ${p.id} AND ${free.freeAt} <= now)
      ORDER BY choice.key LIMIT 1
    )`;
