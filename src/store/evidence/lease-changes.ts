/**
 * Ends and moves leases for operators. Each change is one write batch: the change itself, its record in `audit`, and a
 * read of the resulting rows.
 *
 * @module
 */
import { and, eq, gt, isNotNull, lte, ne, not, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import type { Database } from "../database/database.ts";
import { keptQuarantine, restOfQuarantine } from "../database/quarantine.ts";
import { writerOf } from "../database/queries.ts";
import { freeNever, lease, LeaseState, pool, tenureColumns } from "../database/schema.ts";
import { poolOfSlotSql } from "../database/slot-sql.ts";
import { nameOf, namesOf, takeExcluded } from "../database/columns.ts";
import { instantSeconds } from "../database/time.ts";
import { freeTargets, handOver, isPendingMove } from "../database/moves.ts";
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

/** The row of the slot that a client moves to. */
const goal = alias(lease, "goal");

/** The outcome of a move. */
export interface MoveOutcome extends ChangeOutcome {
  /** The row of the target slot, even if nothing was moved; undefined for a slot that was never used. */
  readonly target: LeaseRecord | undefined;
  /** Whether the client already moves to a pair that is reserved for it. */
  readonly isMovedByReservation: boolean;
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
  const [changed, , , rows] = await writer.batch([
    writer
      .update(lease)
      .set({
        state: LeaseState.released,
        expiresAt: instantSeconds,
        since: null,
        softwire: null,
        updatedAt: instantSeconds,
        freeAt: sql`iif(${lease.freeAt} = ${freeNever}, ${freeNever},
          max(${instantSeconds} + ${quarantineSeconds}, ${restOfQuarantine}))`,
        quarantineUntil: keptQuarantine,
      })
      .where(isRunningLease(handle))
      .returning({ slot: lease.slot }),
    writer.run(audit),
    writer.run(handOverEnded(handle)),
    writer.select(leaseColumns(instantSeconds)).from(lease).where(eq(lease.slot, handle.slot)),
  ]);
  const [row] = rows;
  return { isDone: changed.length > 0, lease: row && leaseOfRow(row) };
}

/** If a move of the lease was pending, its client gets the row of the pair that it moves to. */
function handOverEnded({ slot }: LeaseHandle): SQL {
  return sql`WITH leaving AS MATERIALIZED (
    SELECT ${lease.slot} AS slot, ${goal.slot} AS goal, FALSE AS selects
    FROM ${lease} CROSS JOIN ${lease} ${goal} ON ${isPendingMove(lease, goal)}
    WHERE ${lease.slot} = ${slot} AND ${lease.state} > ${LeaseState.bound}
  ) ${handOver(sql`leaving`)}`;
}

/** The columns that are set in the slot that a lease is moved to. */
const targetColumns = [
  lease.domainId,
  lease.state,
  lease.expiresAt,
  lease.freeAt,
  lease.updatedAt,
  lease.moveFrom,
  // The rest describes the client that had the slot before.
  lease.clientId,
  lease.quarantineUntil,
  lease.statedSeconds,
  lease.moveTo,
  lease.touchedMs,
  ...tenureColumns,
];

/**
 * Keeps other clients from the target slot of a pending move as long as from the old pair. By then the client was told,
 * or its lease has ended. The row has no client, because a client can have only one row.
 *
 * `changes()` counts the audit rows of the statement before: none if the move was refused. That is checked because a
 * cancelled move may have left the same target in the row, although the slot now belongs to another client.
 */
function keepTarget({ slot }: LeaseHandle, target: number): SQL {
  const nulls = sql.join(
    Array.from({ length: targetColumns.length - 6 }, () => sql`NULL`),
    sql`, `,
  );
  return sql`INSERT INTO ${lease} (${namesOf(lease.slot, ...targetColumns)})
    SELECT ${target}, ${lease.domainId}, ${LeaseState.released}, ${instantSeconds}, ${lease.freeAt}, ${instantSeconds},
      ${lease.slot}, ${nulls}
    FROM ${lease} WHERE ${lease.slot} = ${slot} AND ${lease.moveTo} = ${target} AND changes() > 0
    ON CONFLICT (${nameOf(lease.slot)}) DO UPDATE SET ${takeExcluded(...targetColumns)}`;
}

/** A condition: a reservation moves the client. */
const isMovedByReservation = sql`EXISTS (
  SELECT 1 FROM ${lease} ${goal} WHERE ${isPendingMove(lease, goal)} AND ${goal.freeAt} = ${freeNever})`;

/** A condition: no client has the slot, and its pool belongs to the domain of the lease and takes clients. */
const isFreeTarget = (target: number): SQL => sql`(
  NOT EXISTS (SELECT 1 FROM ${lease} ${goal} WHERE ${goal.slot} = ${target} AND ${goal.freeAt} > ${instantSeconds})
  AND EXISTS (SELECT 1 FROM ${pool} WHERE ${pool.id} = ${poolOfSlotSql(sql`${target}`)}
    AND ${pool.domainId} = ${lease.domainId} AND ${pool.drainUntil} IS NULL))`;

/**
 * Moves a running lease to a free slot of its domain. The move is pending until the client is told: its next renewal
 * is refused, so it sends a DISCOVER and is offered the new pair. Until then the lease of the old pair continues. Its
 * tenure ends with the refusal, or with the lease. Other clients cannot get the old pair until the client can no longer
 * use it.
 *
 * A new move replaces a pending one. A move to the pair that the client has cancels it.
 *
 * @param target Key of a slot that exists.
 * @param audit Records the change. It runs directly after the statement that makes the change.
 * @returns `isDone` is false if the lease is not the given one any more, if it is reserved or a reservation moves it, or
 *   if the target is not free.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function moveLease(
  database: Database,
  handle: LeaseHandle,
  target: number,
  audit: SQL,
): Promise<MoveOutcome> {
  const writer = writerOf(database);
  const isBack = target === handle.slot;
  const isPossible = and(
    isRunningLease(handle),
    isNotNull(lease.since),
    ne(lease.freeAt, freeNever),
    not(isMovedByReservation),
    isBack ? isNotNull(lease.moveTo) : isFreeTarget(target),
  );
  const moved = sql`SELECT ${lease.slot} FROM ${lease} WHERE ${isPossible}`;
  const [, changed, , , rows] = await writer.batch([
    writer.run(freeTargets(moved, sql`${target}`)),
    writer
      .update(lease)
      .set({ moveTo: isBack ? null : target })
      .where(isPossible)
      .returning({ slot: lease.slot }),
    writer.run(audit),
    writer.run(keepTarget(handle, target)),
    writer
      .select(leaseColumns(instantSeconds))
      .from(lease)
      .where(
        sql`${lease.slot} IN (${handle.slot}, ${target},
          (SELECT ${goal.moveTo} FROM ${lease} ${goal} WHERE ${goal.slot} = ${handle.slot}))`,
      ),
  ]);
  const rowOf = (slot: number | null | undefined) => {
    const row = rows.find((each) => each.slot === slot);
    return row && leaseOfRow(row);
  };
  const source = rowOf(handle.slot);
  return {
    isDone: changed.length > 0,
    lease: source,
    target: rowOf(target),
    isMovedByReservation: rowOf(source?.movesTo)?.isReserved === true,
  };
}
