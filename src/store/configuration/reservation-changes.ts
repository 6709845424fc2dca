/**
 * Changes of reservations, as statements whose conditions say when the change is allowed.
 *
 * A batch of messages sees a reservation only in the slot's row in `lease`, which has the client and the `free_at`
 * {@link freeNever}. So the statements here keep both tables consistent, in one transaction.
 *
 * @module
 */
import { and, eq, isNull, ne, notExists, sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { freeTargets, isPendingMove } from "../database/moves.ts";
import { parseClientIdentifier } from "../../declaration/reservation-declaration.ts";
import type { ReservationDeclaration } from "../../declaration/reservation-declaration.ts";
import { literal, nameOf, namesOf, takeExcluded } from "../database/columns.ts";
import { quarantineEnd } from "../database/quarantine.ts";
import type { Writer } from "../database/queries.ts";
import {
  domain,
  freeNever,
  lease,
  LeaseState,
  pool,
  reservation,
  tenureColumns,
} from "../database/schema.ts";
import { slotKeySql } from "../database/slot-sql.ts";
import { instantSeconds } from "../database/time.ts";
import { auditOfLast } from "./audit.ts";
import type { Change, Item } from "./change.ts";
import { canonicalReservation } from "./declared.ts";
import type { Selecting, StoredReservation } from "./declared.ts";

const { offered, bound, released, declined } = LeaseState;

/** The row of a client's lease of another pair. */
const held = alias(lease, "held");
/** The row of the slot that a client moves to. */
const goal = alias(lease, "goal");

/** The pair to reserve. The pool is given by name, because the same transaction may create it. */
export interface ReservedPair {
  readonly domain: string;
  readonly pool: string;
  /** Number of the slot in its pool. */
  readonly number: number;
}

/** The wanted reservation, and its pair. */
export interface ReservationRequest {
  readonly pair: ReservedPair;
  readonly declared: ReservationDeclaration;
}

/** Options of a new reservation. */
export interface ReservationOptions {
  /**
   * Whether to reserve the pair even if the client has a running lease of another pair. The client then moves: that lease
   * ends when its next renewal is refused.
   */
  readonly force: boolean;
  /** Initial version; greater than 1 if the reservation replaces another. */
  readonly version?: number;
}

/** @returns A reservation in the format of the audit record. */
const show = (domainName: string, declared: ReservationDeclaration) => ({ domain: domainName, ...declared });

/** The subselect `wanted`: one row with the wanted pair and the client, or no row if the pool is not in the domain. */
function wantedPair({ pair, declared }: ReservationRequest): SQL {
  const clientId = parseClientIdentifier(declared.clientIdentifier);
  return sql`(
    SELECT ${slotKeySql(pool.id, sql`${pair.number}`)} AS slot, ${pool.domainId} AS domain_id,
      ${pool.drainUntil} AS drain_until, ${clientId} AS client_id
    FROM ${pool} JOIN ${domain} ON ${domain.id} = ${pool.domainId}
    WHERE ${pool.name} = ${pair.pool} AND ${domain.name} = ${pair.domain}
  ) wanted`;
}

/** The columns of {@link wantedPair}. */
const wanted = {
  slot: sql<number>`wanted.slot`,
  domainId: sql<number>`wanted.domain_id`,
  drainUntil: sql<number | null>`wanted.drain_until`,
  clientId: sql<Uint8Array>`wanted.client_id`,
} as const;

/** A condition: the row has a running lease. */
const isRunning = (
  row: { readonly state: Column; readonly expiresAt: Column },
  now: SQL<number> = instantSeconds,
): SQL => sql`(${row.state} = ${literal(bound)} AND ${row.expiresAt} > ${now})`;

/** A condition: the client has a running lease of another pair, and none of this one. Then it would have to move. */
const isOtherLease = (now: SQL<number>) =>
  sql`${lease.domainId} = ${wanted.domainId} AND ${lease.clientId} = ${wanted.clientId}
    AND ${lease.slot} <> ${wanted.slot} AND ${lease.state} <= ${bound} AND ${lease.expiresAt} > ${now}
    AND NOT EXISTS (SELECT 1 FROM ${lease} ${goal} WHERE ${goal.slot} = ${wanted.slot}
      AND ${goal.clientId} = ${wanted.clientId} AND ${isRunning(goal, now)})`;

/**
 * Creates a reservation, unless it exists. The pair must be free or in use by the same client, and the pool must not be
 * draining.
 */
export function createReservation(
  writer: Writer,
  actor: string,
  request: ReservationRequest,
  { force, version = 1 }: ReservationOptions,
): Change {
  const { declared } = request;
  const condition = and(
    isNull(wanted.drainUntil),
    sql`NOT EXISTS (SELECT 1 FROM ${lease} WHERE ${lease.slot} = ${wanted.slot} AND ${lease.freeAt} > ${instantSeconds}
      AND ${lease.clientId} IS NOT ${wanted.clientId})`,
    force ? undefined : sql`NOT EXISTS (SELECT 1 FROM ${lease} WHERE ${isOtherLease(instantSeconds)})`,
  )!;
  return {
    statement: writer.all(sql`${insertWanted(request, version)} WHERE ${condition}
      ON CONFLICT DO NOTHING RETURNING ${nameOf(reservation.id)}`),
    audit: creationEntry(actor, request, version),
    further: takePair(writer, declared.name, version),
  };
}

/** The INSERT of the new row, without its condition. */
function insertWanted(request: ReservationRequest, version: number): SQL {
  const columns = namesOf(
    reservation.name,
    reservation.domainId,
    reservation.slot,
    reservation.clientId,
    reservation.version,
  );
  return sql`INSERT INTO ${reservation} (${columns})
    SELECT ${request.declared.name}, ${wanted.domainId}, ${wanted.slot}, ${wanted.clientId}, ${version}
    FROM ${wantedPair(request)}`;
}

function creationEntry(actor: string, { pair, declared }: ReservationRequest, version: number) {
  return {
    actor,
    action: version === 1 ? "create" : "change",
    resource: "reservation",
    name: declared.name,
    domain: pair.domain,
    before: null,
    after: show(pair.domain, canonicalReservation(declared)),
  };
}

/**
 * Changes the pair, the client or the domain of a reservation: deletes the old row and inserts a new one, or changes
 * nothing. The old row has to be deleted first to make room. So the condition of the deletion checks everything that
 * could prevent the insertion.
 */
export function replaceReservation(
  writer: Writer,
  actor: string,
  stored: StoredReservation,
  request: ReservationRequest,
  { force }: { readonly force: boolean },
): Change {
  const { id, version, slot } = stored;
  const isPossible = sql`EXISTS (SELECT 1 FROM ${wantedPair(request)} WHERE ${isNull(wanted.drainUntil)}
    AND NOT EXISTS (${otherReservation(request.declared.name)})
    AND NOT EXISTS (${pairUntil(instantSeconds)})
    ${force ? sql`` : sql`AND NOT EXISTS (SELECT 1 FROM ${lease} WHERE ${isOtherLease(instantSeconds)})`})`;
  return {
    statement: writer
      .delete(reservation)
      .where(and(eq(reservation.id, id), eq(reservation.version, version), isPossible))
      .returning({ id: reservation.id }),
    audit: deletionEntry(actor, stored),
    further: [
      // `changes()` counts the audit rows of the deletion. A conflict here would be a bug in the condition above.
      writer.run(sql`${insertWanted(request, version + 1)} WHERE changes() > 0`),
      writer.run(auditOfLast(creationEntry(actor, request, version + 1))),
      ...releasePair(writer, slot),
      cancelMove(writer, slot, request.declared.name, version + 1),
      ...takePair(writer, request.declared.name, version + 1),
    ],
  };
}

/**
 * Cancels the pending move that the replaced reservation caused. Its client keeps the pair that it has. If the new
 * reservation is for the same client, {@link takePair} moves it again.
 */
function cancelMove(writer: Writer, slot: number, name: string, version: number): Item {
  return writer
    .update(lease)
    .set({ moveTo: null })
    .from(reservation)
    .where(
      and(
        eq(reservation.name, name),
        eq(reservation.version, version),
        eq(lease.moveTo, slot),
        sql`${lease.slot} = (SELECT ${goal.moveFrom} FROM ${lease} ${goal} WHERE ${goal.slot} = ${slot})`,
      ),
    );
}

/** Deletes a reservation. A running lease continues; after it, other clients may get the pair. */
export function deleteReservation(writer: Writer, actor: string, stored: StoredReservation): Change {
  const { id, version, slot } = stored;
  return {
    statement: writer
      .delete(reservation)
      .where(and(eq(reservation.id, id), eq(reservation.version, version)))
      .returning({ id: reservation.id }),
    audit: deletionEntry(actor, stored),
    further: releasePair(writer, slot),
  };
}

function deletionEntry(actor: string, { domain: domainName, declared }: StoredReservation) {
  return {
    actor,
    action: "delete",
    resource: "reservation",
    name: declared.name,
    domain: domainName,
    before: show(domainName, declared),
    after: null,
  };
}

/** Whether the client of a reservation has a running lease of its pair already, on whatever line. */
const hasPair = sql`EXISTS (SELECT 1 FROM ${lease} ${goal}
  WHERE ${goal.slot} = ${reservation.slot} AND ${goal.clientId} = ${reservation.clientId} AND ${isRunning(goal)})`;

/**
 * The row whose client moves to the pair of a reservation: of its running leases, the one that ends last. Null if it has
 * none, or has the pair already. Its leases on other lines stay.
 */
const leaving = sql`(
  SELECT ${held.slot} FROM ${lease} ${held}
  WHERE ${held.domainId} = ${reservation.domainId} AND ${held.clientId} = ${reservation.clientId}
    AND ${held.slot} <> ${reservation.slot} AND ${isRunning(held)} AND NOT ${hasPair}
  ORDER BY ${held.expiresAt} DESC, ${held.slot} LIMIT 1)`;

/**
 * Writes a reservation into the lease row of its slot. The client's own lease continues; data of another client is
 * removed. If the client has a running lease of another pair, it moves to the reserved pair: the move is pending until
 * the client is told, as in `moveLease()` (`evidence/lease-changes.ts`).
 */
function takePair(writer: Writer, name: string, version: number): Item[] {
  const isIt = and(eq(reservation.name, name), eq(reservation.version, version));
  const columns = [
    lease.slot,
    lease.domainId,
    lease.clientId,
    lease.state,
    lease.expiresAt,
    lease.freeAt,
    lease.updatedAt,
    lease.moveTo,
    lease.moveFrom,
  ];
  const isOther = and(
    isIt,
    eq(lease.domainId, reservation.domainId),
    eq(lease.clientId, reservation.clientId),
    ne(lease.slot, reservation.slot),
  );
  const rows = sql`SELECT ${lease.slot} FROM ${lease} CROSS JOIN ${reservation}
    WHERE ${isIt} AND ${lease.domainId} = ${reservation.domainId} AND ${lease.clientId} = ${reservation.clientId}
      AND (${lease.slot} IN (${reservation.slot}, ${leaving}) OR NOT ${isRunning(lease)})`;
  return [
    writer.run(freeTargets(rows, sql`(SELECT ${reservation.slot} FROM ${reservation} WHERE ${isIt})`)),
    // What the client had is its own no more. These pairs stay in quarantine as long as they would have anyway.
    writer
      .update(lease)
      .set({
        clientId: null,
        state: released,
        since: null,
        softwire: null,
        updatedAt: instantSeconds,
        quarantineUntil: null,
        moveTo: null,
        moveFrom: null,
      })
      .from(reservation)
      .where(and(isOther, sql`NOT ${isRunning(lease)}`)),
    writer
      .update(lease)
      .set({ moveTo: reservation.slot })
      .from(reservation)
      .where(and(isOther, sql`${lease.slot} = ${leaving}`)),
    writer.run(sql`INSERT INTO ${lease} (${namesOf(...columns)})
      SELECT ${reservation.slot}, ${reservation.domainId}, iif(${leaving} IS NULL, ${reservation.clientId}, NULL),
        ${released}, 0, ${freeNever}, ${instantSeconds}, NULL, ${leaving}
      FROM ${reservation} WHERE ${isIt}
      ON CONFLICT (${nameOf(lease.slot)}) DO UPDATE SET ${keepOwnLease}, ${keepOwnQuarantine},
        ${takeExcluded(lease.domainId, lease.clientId, lease.freeAt, lease.updatedAt, lease.moveTo, lease.moveFrom)}`),
  ];
}

/**
 * For an upsert: keeps the values of the client's own lease, and replaces those of any other client. A pair that was
 * declined has no client any more, and neither has one that is kept for a move, so two rows without a client differ.
 */
const keepOwnLease = sql.join(
  [lease.state, lease.expiresAt, lease.line, ...tenureColumns].map(
    (column) =>
      sql`${nameOf(column)} = iif(${lease.clientId} = excluded.${nameOf(lease.clientId)}, ${column}, excluded.${nameOf(column)})`,
  ),
  sql`, `,
);

/**
 * The same for the quarantine of the client's last lease, which `free_at` does not tell any more. A pair that is given for
 * another one is kept as long as that, but was not leased before.
 */
const keepOwnQuarantine = sql`${nameOf(lease.quarantineUntil)} = CASE
    WHEN ${lease.clientId} IS NOT excluded.${nameOf(lease.clientId)} OR ${isRunning(lease)} THEN NULL
    WHEN ${lease.moveFrom} IS NOT NULL THEN NULL
    WHEN ${lease.state} = ${literal(offered)} OR ${lease.freeAt} = ${freeNever} THEN ${lease.quarantineUntil}
    ELSE ${lease.freeAt} END`;

/**
 * Makes the pair of a deleted reservation available to other clients, after the lease and its quarantine. If a client
 * was to move there, it keeps the pair that it has.
 */
function releasePair(writer: Writer, slot: number): Item[] {
  const isReleased = and(
    eq(lease.slot, slot),
    eq(lease.freeAt, freeNever),
    notExists(writer.select({ id: reservation.id }).from(reservation).where(eq(reservation.slot, slot))),
  );
  const movedHere = sql`(SELECT ${lease.moveFrom} FROM ${lease} WHERE ${isReleased} AND ${isNull(lease.clientId)})`;
  return [
    writer
      .update(lease)
      .set({ moveTo: null })
      .where(and(sql`${lease.slot} = ${movedHere}`, eq(lease.moveTo, slot))),
    writer
      .update(lease)
      .set({
        freeAt: sql`max(${lease.expiresAt}, ifnull(${quarantineEnd(lease)}, 0))`,
        quarantineUntil: sql`iif(${lease.state} = ${literal(offered)}, ${lease.quarantineUntil}, NULL)`,
        clientId: sql`iif(${lease.state} = ${declined} OR ${lease.expiresAt} = 0, NULL, ${lease.clientId})`,
        moveFrom: null,
      })
      .where(isReleased),
  ];
}

/** The obstacles to a reservation. */
export interface ReservationObstacles {
  /** Name of another reservation for the pair, or for the client in its domain. */
  readonly reservation: string | null;
  /** Unix seconds until which another client has the pair. */
  readonly pairUntil: number | null;
  /** 1 if the pair is kept for a pending move of this client, 0 if for a move of another client; null if for no move. */
  readonly moveIsOwn: number | null;
  /** Unix seconds until which the client has a lease of another pair. */
  readonly clientUntil: number | null;
}

/** Selects the name of another reservation for the pair or the client. */
const otherReservation = (name: string) => sql`SELECT ${reservation.name} FROM ${reservation}
  WHERE ${reservation.name} <> ${name} AND (${reservation.slot} = ${wanted.slot}
    OR (${reservation.domainId} = ${wanted.domainId} AND ${reservation.clientId} = ${wanted.clientId})) LIMIT 1`;

/** Selects the end of another client's lease of the pair, with its quarantine. A reservation of the pair is ignored. */
const pairUntil = (now: SQL<number>) => sql`SELECT until FROM (
    SELECT iif(${lease.freeAt} = ${freeNever}, max(${lease.expiresAt}, ifnull(${quarantineEnd(lease)}, 0)), ${lease.freeAt}) AS until
    FROM ${lease} WHERE ${lease.slot} = ${wanted.slot} AND ${lease.clientId} IS NOT ${wanted.clientId}
  ) WHERE until > ${now}`;

/** Selects whether the client that moves to the pair is this one; no row if nobody moves there. */
const moveIsOwn = sql`SELECT ${held.clientId} IS ${wanted.clientId}
  FROM ${lease} ${goal} CROSS JOIN ${lease} ${held} ON ${isPendingMove(held, goal)} WHERE ${goal.slot} = ${wanted.slot}`;

/**
 * Starts a query for the obstacles to a reservation. A reservation of the same name is not an obstacle, because it
 * would be replaced. The query returns no row if the domain does not have the pair.
 *
 * @param now Unix seconds. Default: the instant of the write batch.
 */
export function selectObstacles(
  builder: Selecting,
  request: ReservationRequest,
  now: SQL<number> = instantSeconds,
) {
  return builder
    .select({
      reservation: sql<string | null>`(${otherReservation(request.declared.name)})`,
      pairUntil: sql<number | null>`(${pairUntil(now)})`,
      moveIsOwn: sql<number | null>`(${moveIsOwn})`,
      clientUntil: sql<number | null>`(SELECT ${lease.expiresAt} FROM ${lease} WHERE ${isOtherLease(now)})`,
    })
    .from(wantedPair(request));
}
