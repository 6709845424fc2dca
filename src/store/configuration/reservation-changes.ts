/**
 * Changes of reservations, as statements whose conditions state when the change is allowed.
 *
 * A batch of messages sees a reservation only through the row of its slot in `lease`: that row has the client, and a
 * `free_at` that never comes. So the statements here keep both tables in step, in one transaction.
 *
 * @module
 */
import { and, eq, isNull, ne, notExists, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { parseClientIdentifier } from "../../declaration/reservation-declaration.ts";
import type { ReservationDeclaration } from "../../declaration/reservation-declaration.ts";
import { nameOf, namesOf, takeExcluded } from "../database/columns.ts";
import type { Writer } from "../database/queries.ts";
import { domain, freeNever, lease, LeaseState, pool, reservation } from "../database/schema.ts";
import { slotKeySql } from "../database/slot-sql.ts";
import { instantSeconds } from "../database/time.ts";
import { auditOfLast } from "./audit.ts";
import type { Change, Item } from "./change.ts";
import { canonicalReservation } from "./declared.ts";
import type { Selecting, StoredReservation } from "./declared.ts";

const { bound, released, declined } = LeaseState;

/** The pair to reserve. Pools are given by name, so that a pool may be created in the same transaction. */
export interface ReservedPair {
  readonly domain: string;
  readonly pool: string;
  /** Number of the slot in its pool. */
  readonly number: number;
}

/** A wanted reservation and its pair. */
export interface Wish {
  readonly pair: ReservedPair;
  readonly declared: ReservationDeclaration;
}

/** Options of a new reservation. */
export interface ReservationOptions {
  /** Whether to reserve the pair even if the client has a running lease of another pair: that lease ends. */
  readonly force: boolean;
  /** Initial version; greater than 1 if the reservation replaces another. */
  readonly version?: number;
}

/** @returns A reservation in the form of the record of changes. */
const show = (domainName: string, declared: ReservationDeclaration) => ({ domain: domainName, ...declared });

/** The wanted pair, if its pool is in the domain, and the client: the one row of `wanted`. */
function wantedPair({ pair, declared }: Wish): SQL {
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

/** A condition: the client has a running lease of another pair. */
const isOtherLease = (now: SQL<number>) =>
  sql`${lease.domainId} = ${wanted.domainId} AND ${lease.clientId} = ${wanted.clientId}
    AND ${lease.slot} <> ${wanted.slot} AND ${lease.state} <= ${bound} AND ${lease.expiresAt} > ${now}`;

/**
 * Creates a reservation, unless it exists. Its pair may be free or in use by its client. It must not be in use by
 * another client, and its pool must not be draining.
 */
export function createReservation(
  writer: Writer,
  actor: string,
  wish: Wish,
  { force, version = 1 }: ReservationOptions,
): Change {
  const { declared } = wish;
  const condition = and(
    isNull(wanted.drainUntil),
    sql`NOT EXISTS (SELECT 1 FROM ${lease} WHERE ${lease.slot} = ${wanted.slot} AND ${lease.freeAt} > ${instantSeconds}
      AND ${lease.clientId} IS NOT ${wanted.clientId})`,
    force ? undefined : sql`NOT EXISTS (SELECT 1 FROM ${lease} WHERE ${isOtherLease(instantSeconds)})`,
  )!;
  return {
    statement: writer.all(sql`${insertWanted(wish, version)} WHERE ${condition}
      ON CONFLICT DO NOTHING RETURNING ${nameOf(reservation.id)}`),
    audit: creationEntry(actor, wish, version),
    further: takePair(writer, declared.name, version),
  };
}

/** The insertion of the new row, without its condition. */
function insertWanted(wish: Wish, version: number): SQL {
  const columns = namesOf(
    reservation.name,
    reservation.domainId,
    reservation.slot,
    reservation.clientId,
    reservation.version,
  );
  return sql`INSERT INTO ${reservation} (${columns})
    SELECT ${wish.declared.name}, ${wanted.domainId}, ${wanted.slot}, ${wanted.clientId}, ${version}
    FROM ${wantedPair(wish)}`;
}

function creationEntry(actor: string, { pair, declared }: Wish, version: number) {
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
 * Changes the pair, the client or the domain of a reservation: one row is deleted and another inserted, or nothing
 * happens. Everything that could prevent the new row is checked in the condition of the deletion, because the old row
 * has to go first to make room for the new one.
 */
export function replaceReservation(
  writer: Writer,
  actor: string,
  stored: StoredReservation,
  wish: Wish,
  { force }: { readonly force: boolean },
): Change {
  const { id, version, slot } = stored;
  const isPossible = sql`EXISTS (SELECT 1 FROM ${wantedPair(wish)} WHERE ${isNull(wanted.drainUntil)}
    AND NOT EXISTS (${otherReservation(wish.declared.name)})
    AND NOT EXISTS (${pairUntil(instantSeconds)})
    ${force ? sql`` : sql`AND NOT EXISTS (SELECT 1 FROM ${lease} WHERE ${isOtherLease(instantSeconds)})`})`;
  return {
    statement: writer
      .delete(reservation)
      .where(and(eq(reservation.id, id), eq(reservation.version, version), isPossible))
      .returning({ id: reservation.id }),
    audit: deletionEntry(actor, stored),
    further: [
      // `changes()` counts the rows of the deletion's record. A conflict here would be an error in the condition above.
      writer.run(sql`${insertWanted(wish, version + 1)} WHERE changes() > 0`),
      writer.run(auditOfLast(creationEntry(actor, wish, version + 1))),
      releasePair(writer, slot),
      ...takePair(writer, wish.declared.name, version + 1),
    ],
  };
}

/** Deletes a reservation. A running lease continues, and the pair is free for other clients after it. */
export function deleteReservation(writer: Writer, actor: string, stored: StoredReservation): Change {
  const { id, version, slot } = stored;
  return {
    statement: writer
      .delete(reservation)
      .where(and(eq(reservation.id, id), eq(reservation.version, version)))
      .returning({ id: reservation.id }),
    audit: deletionEntry(actor, stored),
    further: [releasePair(writer, slot)],
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

/**
 * Writes a reservation into the row of its slot: the client's own lease continues; data of another client is removed.
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
  ];
  return [
    // A client has one row in its domain. Its former pair stays quarantined until its lease would have ended.
    writer
      .update(lease)
      .set({ clientId: null, state: released, since: null, softwire: null, updatedAt: instantSeconds })
      .from(reservation)
      .where(
        and(
          isIt,
          eq(lease.domainId, reservation.domainId),
          eq(lease.clientId, reservation.clientId),
          ne(lease.slot, reservation.slot),
        ),
      ),
    writer.run(sql`INSERT INTO ${lease} (${namesOf(...columns)})
      SELECT ${reservation.slot}, ${reservation.domainId}, ${reservation.clientId}, ${released}, 0, ${freeNever},
        ${instantSeconds}
      FROM ${reservation} WHERE ${isIt}
      ON CONFLICT (${nameOf(lease.slot)}) DO UPDATE SET ${keptOfClient},
        ${takeExcluded(lease.domainId, lease.clientId, lease.freeAt, lease.updatedAt)}`),
  ];
}

/** For an upsert: keeps the values of the client's own lease, and replaces those of any other client. */
const keptOfClient = sql.join(
  [
    lease.state,
    lease.expiresAt,
    lease.since,
    lease.source,
    lease.softwire,
    lease.site,
    lease.relayPath,
    lease.firstRelayPath,
    lease.line,
  ].map(
    (column) =>
      sql`${nameOf(column)} = iif(${lease.clientId} IS excluded.${nameOf(lease.clientId)}, ${column}, excluded.${nameOf(column)})`,
  ),
  sql`, `,
);

/** Seconds for which a pair is kept from other clients after its lease, for a row of `lease`. */
const quarantine = sql`(
  SELECT json_extract(${domain.settings}, iif(${lease.state} = ${declined}, '$.declineSeconds', '$.quarantineSeconds'))
  FROM ${domain} WHERE ${domain.id} = ${lease.domainId})`;

/** Frees the pair of a deleted reservation for other clients, after the lease and its quarantine. */
function releasePair(writer: Writer, slot: number): Item {
  return writer
    .update(lease)
    .set({
      freeAt: sql`${lease.expiresAt} + ${quarantine}`,
      clientId: sql`iif(${lease.state} = ${declined} OR ${lease.expiresAt} = 0, NULL, ${lease.clientId})`,
    })
    .where(
      and(
        eq(lease.slot, slot),
        eq(lease.freeAt, freeNever),
        notExists(writer.select({ id: reservation.id }).from(reservation).where(eq(reservation.slot, slot))),
      ),
    );
}

/** The obstacles to a reservation. */
export interface ReservationObstacles {
  /** Another reservation of the pair, or of the client in its domain. */
  readonly reservation: string | null;
  /** Unix seconds until which another client has the pair. */
  readonly pairUntil: number | null;
  /** Unix seconds until which the client has a lease of another pair. */
  readonly clientUntil: number | null;
}

/** Name of another reservation of the pair, or of the client. */
const otherReservation = (name: string) => sql`SELECT ${reservation.name} FROM ${reservation}
  WHERE ${reservation.name} <> ${name} AND (${reservation.slot} = ${wanted.slot}
    OR (${reservation.domainId} = ${wanted.domainId} AND ${reservation.clientId} = ${wanted.clientId})) LIMIT 1`;

/** When another client's lease of the pair and its quarantine end, as if the pair were not reserved. */
const pairUntil = (now: SQL<number>) => sql`SELECT until FROM (
    SELECT iif(${lease.freeAt} = ${freeNever}, ${lease.expiresAt} + ${quarantine}, ${lease.freeAt}) AS until
    FROM ${lease} WHERE ${lease.slot} = ${wanted.slot} AND ${lease.clientId} IS NOT ${wanted.clientId}
  ) WHERE until > ${now}`;

/**
 * Starts a query of the obstacles to a reservation. A reservation of the same name is not an obstacle, because it would
 * be replaced. No row means that the domain has no such pair.
 *
 * @param now Unix seconds. Default: the instant of the write batch.
 */
export function selectObstacles(builder: Selecting, wish: Wish, now: SQL<number> = instantSeconds) {
  return builder
    .select({
      reservation: sql<string | null>`(${otherReservation(wish.declared.name)})`,
      pairUntil: sql<number | null>`(${pairUntil(now)})`,
      clientUntil: sql<number | null>`(SELECT ${lease.expiresAt} FROM ${lease} WHERE ${isOtherLease(now)})`,
    })
    .from(wantedPair(wish));
}
