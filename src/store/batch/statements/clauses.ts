/**
 * Clauses about the row of `lease` that belongs to the client of a claim `c`. A statement that uses one has `clock`, `c` or
 * `own` in its FROM.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { clockStepSecondsMin } from "../../../limits.ts";
import { literal } from "../../database/columns.ts";
import { freeNever, lease, LeaseState, pool } from "../../database/schema.ts";

export const [offered, bound, released, declined] = (
  ["offered", "bound", "released", "declined"] as const
).map((state) => literal(LeaseState[state])) as [SQL, SQL, SQL, SQL];
export const never = literal(freeNever);

/** The row of `lease` that belongs to the client of a claim. */
export const own = alias(lease, "own");
export const taken = alias(lease, "taken");
export const other = alias(lease, "other");
const mine = alias(lease, "mine");
export const p = alias(pool, "p");

/**
 * The slot that belongs to the client of `c`: that of its line or, if it has none there, one that no other named line
 * uses or has used until lately. A message that repeats a client's identifier from another line reaches no lease and no
 * offer of the client, and does not get its pair in the quarantine. A line without a name (`''`) counts as equal to any
 * other. A reserved pair has no quarantine. Most clients have at most one row, so a client without a line takes one
 * look-up: the index by client has the lines in order.
 */
export const ownSlot = sql`iif(c.line = '',
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
export const ownOfClaim = sql`${lease} ${own} ON ${own.slot} = ${ownSlot}`;

/** The line of a row after its client's message: a message from a line without a name does not change it. */
export const newLine = sql`iif(c.line = '', ${lease.line}, c.line)`;

/**
 * A condition: the drain date of the row's pool has passed, so its clients must move even if their lease still runs.
 */
export const isDrained = sql`EXISTS (SELECT 1 FROM ${pool} ${p} WHERE ${p.id} = ${own.poolId} AND ${p.drainUntil} <= now_up)`;

/** A condition: `c` names the slot. */
export const names = (slot: Column): SQL =>
  sql`(${slot} BETWEEN c.first_slot AND c.last_slot AND (${slot} - c.first_slot) % c.slot_step = 0)`;

/**
 * A condition: `c` names the row's slot, or names no slot and so refers to any slot of its client.
 */
export const isNamedSlot = sql`(c.first_slot IS NULL
    OR ${names(own.slot)})`;

/** A condition: the row was written while the clock was wrong, because its last change is in the future. */
export const isFromFuture = sql`${own.updatedAt} > now + ${literal(clockStepSecondsMin)}`;

/** A condition: the row is a running lease. */
export const isLeased = sql`(${own.state} = ${bound} AND ${own.expiresAt} > now)`;
