/**
 * The quarantine of a pair: how long it is kept from other clients after its last lease. An offer of the pair, or a
 * reservation, must not end it.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import { literal } from "./columns.ts";
import { domain, freeNever, lease, LeaseState } from "./schema.ts";

const { offered, declined } = LeaseState;
const never = literal(freeNever);

/** The columns of a row of `lease` that tell its quarantine. */
export interface QuarantineColumns {
  readonly domainId: Column;
  readonly state: Column;
  readonly expiresAt: Column;
  readonly freeAt: Column;
  readonly quarantineUntil: Column;
}

/** The quarantine that the domain of a row has set for a lease in its state, in seconds. */
const secondsOf = (row: QuarantineColumns): SQL => sql`(
  SELECT json_extract(${domain.settings}, iif(${row.state} = ${literal(declined)}, '$.declineSeconds', '$.quarantineSeconds'))
  FROM ${domain} WHERE ${domain.id} = ${row.domainId})`;

/**
 * Selects the end of the quarantine that follows the last lease of a row, in Unix seconds. Without a quarantine, the result
 * is null or in the past. A reserved pair is never free, so its quarantine is counted from the settings of its domain.
 */
export const quarantineEnd = (row: QuarantineColumns): SQL => sql`CASE
    WHEN ${row.state} = ${literal(offered)} THEN ${row.quarantineUntil}
    WHEN ${row.freeAt} = ${never} THEN max(${row.expiresAt} + ${secondsOf(row)}, ifnull(${row.quarantineUntil}, 0))
    ELSE ${row.freeAt} END`;

/**
 * The same for the column `quarantine_until` of an offer: null if the quarantine has ended. A reserved pair that its client
 * declined is offered to it again, and nobody else had it.
 */
export const quarantineAfter = (row: QuarantineColumns, now: SQL): SQL =>
  sql`iif(${row.state} <> ${literal(declined)} AND ${quarantineEnd(row)} > ${now}, ${quarantineEnd(row)}, NULL)`;

/** Selects the end of the quarantine in which a pair was offered. For other rows, the result is 0. */
export const restOfQuarantine = sql`iif(${lease.state} = ${literal(offered)}, ifnull(${lease.quarantineUntil}, 0), 0)`;

/** For a SET list, when an offer ends: only a reserved pair has to remember its quarantine any longer. */
export const keptQuarantine = sql`iif(${lease.freeAt} = ${never}, ${lease.quarantineUntil}, NULL)`;
