/**
 * Ends and moves leases for operators. Each change is one write batch: the change itself, its record in `audit`, and a
 * read of the resulting rows.
 *
 * @module
 */
import { and, eq, exists, gt, inArray, isNotNull, lte, ne, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import type { Database } from "../database/database.ts";
import { writerOf } from "../database/queries.ts";
import { freeNever, lease, LeaseState } from "../database/schema.ts";
import { nameOf, namesOf, takeExcluded } from "../database/columns.ts";
import { instantSeconds } from "../database/time.ts";
import { leaseColumns, leaseOfRow } from "./lease-rows.ts";
import type { LeaseRecord } from "./lease-rows.ts";

/** Identifies a lease by slot, client and tenure. */
export interface LeaseHandle {
  readonly slot: number;
  readonly clientId: Uint8Array;
  /** Null for an offer. */
  readonly since: number | null;
}

/** The outcome of a change. */
export interface ChangeOutcome {
  /** False when the condition of the change did not hold; then nothing was changed. */
  readonly isDone: boolean;
  /** The row of the slot after the change; undefined if the slot has no row. */
  readonly lease: LeaseRecord | undefined;
}

/** The outcome of a move. */
export interface MoveOutcome extends ChangeOutcome {
  /** The row of the target slot, even if nothing was moved; undefined for a slot that was never used. */
  readonly target: LeaseRecord | undefined;
}

/** A condition: the row has the given lease or offer, and it is still running. */
function isRunningLease({ slot, clientId, since }: LeaseHandle): SQL | undefined {
  return and(
    eq(lease.slot, slot),
    eq(lease.clientId, clientId),
    sql`${lease.since} IS ${since}`,
    lte(lease.state, LeaseState.bound),
    gt(lease.expiresAt, instantSeconds),
  );
}

/**
 * Ends a lease or an offer, like a DHCPRELEASE of its client. The client is not notified: its next renewal is refused.
 *
 * @param quarantineSeconds How long the pair is kept from other clients.
 * @param audit Records the change. It runs directly after the statement that makes the change.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function endLease(
  database: Database,
  handle: LeaseHandle,
  quarantineSeconds: number,
  audit: SQL,
): Promise<ChangeOutcome> {
  const writer = writerOf(database);
  const [changed, , rows] = await writer.batch([
    writer
      .update(lease)
      .set({
        state: LeaseState.released,
        expiresAt: instantSeconds,
        since: null,
        softwire: null,
        updatedAt: instantSeconds,
        freeAt: sql`iif(${lease.freeAt} = ${freeNever}, ${freeNever}, ${instantSeconds} + ${quarantineSeconds})`,
      })
      .where(isRunningLease(handle))
      .returning({ slot: lease.slot }),
    writer.run(audit),
    writer.select(leaseColumns(instantSeconds)).from(lease).where(eq(lease.slot, handle.slot)),
  ]);
  const [row] = rows;
  return { isDone: changed.length > 0, lease: row && leaseOfRow(row) };
}

/** The columns that move with a lease. */
const movedColumns = [lease.line, lease.source, lease.softwire, lease.site, lease.relayPath];

/** The columns that are set in the slot that a lease is moved to. */
const targetColumns = [
  lease.domainId,
  lease.clientId,
  lease.state,
  lease.expiresAt,
  lease.freeAt,
  lease.since,
  lease.updatedAt,
  ...movedColumns,
];

/**
 * Takes the target slot of a move. The row gets the data of the client, but no tenure yet. Its client id is a random
 * mark, because a client has only one row, and the mark tells the next statements that this one succeeded.
 */
function takeTarget(handle: LeaseHandle, target: number, mark: Uint8Array, quarantineSeconds: number): SQL {
  return sql`INSERT INTO ${lease} (${namesOf(lease.slot, ...targetColumns)})
    SELECT ${target}, ${lease.domainId}, ${mark}, ${LeaseState.offered}, ${lease.expiresAt},
      ${lease.expiresAt} + ${quarantineSeconds}, NULL, ${instantSeconds}, ${sql.join(movedColumns, sql`, `)}
    FROM ${lease} WHERE ${isRunningLease(handle)} AND ${isNotNull(lease.since)} AND ${ne(lease.freeAt, freeNever)}
    ON CONFLICT (${nameOf(lease.slot)}) DO UPDATE SET ${takeExcluded(...targetColumns)}
    WHERE ${lease.freeAt} <= excluded.${nameOf(lease.updatedAt)}`;
}

/**
 * Moves a running lease to a free slot of its domain. The next renewal of its client is refused, so the client sends a
 * DISCOVER and gets the new pair. The tenure of the old pair goes to history. Other clients cannot get the old pair
 * until the client can no longer use it.
 *
 * @param target Key of a slot that exists.
 * @param quarantineSeconds How long a pair is kept from other clients after its lease.
 * @param audit Records the change. It runs directly after the statement that completes the change.
 * @returns `isDone` is false if the lease is not the given one any more, if it is reserved, or if the target is not
 *   free.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function moveLease(
  database: Database,
  handle: LeaseHandle,
  target: number,
  quarantineSeconds: number,
  audit: SQL,
): Promise<MoveOutcome> {
  const writer = writerOf(database);
  const mark = crypto.getRandomValues(new Uint8Array(16));
  const taken = alias(lease, "taken");
  const [, , settled, , rows] = await writer.batch([
    writer.run(takeTarget(handle, target, mark, quarantineSeconds)),
    // The client may use the old pair until its lease would have expired, so no other client may get it before.
    writer
      .update(lease)
      .set({
        state: LeaseState.released,
        clientId: null,
        freeAt: sql`${lease.expiresAt} + ${quarantineSeconds}`,
        expiresAt: instantSeconds,
        since: null,
        softwire: null,
        updatedAt: instantSeconds,
      })
      .where(
        and(
          eq(lease.slot, handle.slot),
          eq(lease.clientId, handle.clientId),
          exists(
            writer
              .select({ slot: taken.slot })
              .from(taken)
              .where(and(eq(taken.slot, target), eq(taken.clientId, mark))),
          ),
        ),
      ),
    writer
      .update(lease)
      .set({ state: LeaseState.bound, clientId: handle.clientId, since: sql`${lease.updatedAt}` })
      .where(and(eq(lease.slot, target), eq(lease.clientId, mark)))
      .returning({ slot: lease.slot }),
    writer.run(audit),
    writer
      .select(leaseColumns(instantSeconds))
      .from(lease)
      .where(inArray(lease.slot, [handle.slot, target])),
  ]);
  const rowOf = (slot: number) => {
    const row = rows.find((each) => each.slot === slot);
    return row && leaseOfRow(row);
  };
  return { isDone: settled.length > 0, lease: rowOf(handle.slot), target: rowOf(target) };
}
