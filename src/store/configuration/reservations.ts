/**
 * Reservations, as an operator reads and changes them.
 *
 * What a batch of messages sees of a reservation is the row of its slot in `lease`: it has the client, and a
 * `free_at` that never comes. So the statements here keep both tables in step, in one transaction.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import { parseClientIdentifier } from "../../declaration/reservation-declaration.ts";
import type { ReservationDeclaration } from "../../declaration/reservation-declaration.ts";
import { encodeHex } from "../../wire/hex.ts";
import type { Change } from "./change.ts";
import { scopeArguments, scopeCondition } from "../database/databases.ts";
import type { Place } from "../database/databases.ts";
import { canonicalReservation, reservationColumns, reservationOfRow } from "./declared.ts";
import type { StoredReservation } from "./declared.ts";
import { freeNever, LeaseState } from "../database/schema.ts";

const { bound, released, declined } = LeaseState;

/** Which reservations. */
export interface ReservationQuery {
  readonly limit: number;
  /** Only names behind this one. */
  readonly after: string | undefined;
  readonly pool: string | undefined;
  /** Octets in hexadecimal. */
  readonly clientId: string | undefined;
}

const fromReservation = `SELECT ${reservationColumns} FROM reservation r
  JOIN pool p ON p.id = r.pool_id JOIN domain d ON d.id = r.domain_id`;

/**
 * Lists reservations by name.
 *
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function listReservations(
  { database, scope }: Place,
  query: ReservationQuery,
): Promise<StoredReservation[]> {
  const { after, pool, clientId, limit } = query;
  const { rows } = await database.execute({
    sql: `${fromReservation} WHERE r.name > :after AND ${scopeCondition("d.name")}
      AND (:pool IS NULL OR p.name = :pool) AND (:clientId IS NULL OR r.client_id = unhex(:clientId))
      ORDER BY r.name LIMIT :limit`,
    args: {
      after: after ?? "",
      pool: pool ?? null,
      clientId: clientId ?? null,
      limit,
      ...scopeArguments(scope),
    },
  });
  return rows.map(reservationOfRow);
}

/** @returns The reservation of this name, if there is one. */
export async function findReservation(
  { database, scope }: Place,
  name: string,
): Promise<StoredReservation | undefined> {
  const { rows } = await database.execute({
    sql: `${fromReservation} WHERE r.name = :name AND ${scopeCondition("d.name")}`,
    args: { name, ...scopeArguments(scope) },
  });
  return rows[0] === undefined ? undefined : reservationOfRow(rows[0]);
}

/** The pair that is reserved. Pools are named, so that one may be created in the same transaction. */
export interface ReservedPair {
  readonly domain: string;
  readonly pool: string;
  /** Number of the slot in its pool. */
  readonly number: number;
}

/** Options of a new reservation. */
export interface ReservationOptions {
  /** Also when the client has a running lease of another pair: that lease ends. */
  readonly force: boolean;
  /** Version that it begins with; more than 1 where it takes the place of another. */
  readonly version?: number;
}

const show = (domain: string, declared: ReservationDeclaration) => ({ domain, ...declared });

/**
 * A reservation that is not there yet. Its pair may be free or its client's; it may not be someone else's, nor in a
 * pool that is drained.
 */
export function createReservation(
  actor: string,
  pair: ReservedPair,
  declared: ReservationDeclaration,
  { force, version = 1 }: ReservationOptions,
): Change {
  const { name } = declared;
  return {
    statement: {
      sql: `INSERT INTO reservation (name, domain_id, slot, client_id, version)
        SELECT :name, wanted.domain_id, wanted.slot, wanted.client_id, :version
        FROM ${wantedPair}
        WHERE wanted.drain_until IS NULL AND NOT EXISTS (
            SELECT 1 FROM lease WHERE slot = wanted.slot AND free_at > unixepoch() AND client_id IS NOT wanted.client_id
          ) AND (:force OR NOT EXISTS (
            SELECT 1 FROM lease WHERE domain_id = wanted.domain_id AND client_id = wanted.client_id
              AND slot <> wanted.slot AND state <= ${bound} AND expires_at > unixepoch()
          ))
        ON CONFLICT DO NOTHING RETURNING id`,
      args: { name, ...pairParameters(pair, declared), force: Number(force), version },
    },
    audit: {
      actor,
      action: version === 1 ? "create" : "change",
      resource: "reservation",
      name,
      domain: pair.domain,
      before: null,
      after: show(pair.domain, canonicalReservation(declared)),
    },
    further: [
      { sql: forgetElsewhere, args: { name } },
      { sql: markReserved, args: { name } },
    ],
  };
}

/** The pair of a pool that is in the domain, and its client. */
const wantedPair = `(
    SELECT (p.id << 32) + CAST(:number AS INTEGER) AS slot, p.domain_id, p.drain_until, unhex(:clientId) AS client_id
    FROM pool p JOIN domain d ON d.id = p.domain_id WHERE p.name = :pool AND d.name = :domain
  ) wanted`;

function pairParameters(
  { domain, pool, number }: ReservedPair,
  { clientIdentifier }: ReservationDeclaration,
) {
  return { domain, pool, number, clientId: encodeHex(parseClientIdentifier(clientIdentifier)) };
}

/** A client has one row in its domain. The pair that it had stays quarantined until its lease would have ended. */
const forgetElsewhere = `UPDATE lease SET client_id = NULL, state = ${released}, since = NULL, softwire = NULL,
    updated_at = unixepoch()
  FROM reservation r
  WHERE r.name = :name AND lease.domain_id = r.domain_id AND lease.client_id = r.client_id AND lease.slot <> r.slot`;

const keptOfClient = ["state", "expires_at", "since", "source", "softwire", "site", "relay_path"]
  .map(
    (column) => `${column} = iif(lease.client_id IS excluded.client_id, lease.${column}, excluded.${column})`,
  )
  .join(", ");

/** A lease that the client has of the pair goes on; what someone else left there is forgotten. */
const markReserved = `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, updated_at)
  SELECT slot, domain_id, client_id, ${released}, 0, ${freeNever}, unixepoch() FROM reservation WHERE name = :name
  ON CONFLICT (slot) DO UPDATE SET ${keptOfClient}, domain_id = excluded.domain_id,
    client_id = excluded.client_id, free_at = excluded.free_at, updated_at = excluded.updated_at`;

/** Seconds that a pair is kept from others once its lease has ended, for a row of `lease`. */
const quarantine = `(
    SELECT json_extract(settings, iif(lease.state = ${declined}, '$.declineSeconds', '$.quarantineSeconds'))
    FROM domain WHERE id = lease.domain_id)`;

/** A reservation goes. A lease that runs goes on, and its pair is free for others behind it. */
export function deleteReservation(actor: string, stored: StoredReservation): Change {
  const { id, version, slot, domain, declared } = stored;
  return {
    statement: {
      sql: "DELETE FROM reservation WHERE id = :id AND version = :version RETURNING id",
      args: { id, version },
    },
    audit: {
      actor,
      action: "delete",
      resource: "reservation",
      name: declared.name,
      domain,
      before: show(domain, declared),
      after: null,
    },
    further: [
      {
        sql: `UPDATE lease SET
            free_at = expires_at + ${quarantine},
            client_id = iif(state = ${declined} OR expires_at = 0, NULL, client_id)
          WHERE slot = :slot AND free_at = ${freeNever}
            AND NOT EXISTS (SELECT 1 FROM reservation WHERE slot = :slot)`,
        args: { slot: BigInt(slot) },
      },
    ],
  };
}

/** What stands in the way of a reservation. */
export interface ReservationObstacles {
  /** Another reservation of the pair, or of the client in its domain. */
  readonly reservation: string | undefined;
  /** Unix seconds until which someone else has the pair. */
  readonly pairUntil: number | undefined;
  /** Unix seconds until which the client has a lease of another pair. */
  readonly clientUntil: number | undefined;
}

/** Who wants which pair. */
export interface Wish {
  readonly pair: ReservedPair;
  readonly declared: ReservationDeclaration;
}

const selectObstacles = `SELECT
  (SELECT name FROM reservation r WHERE r.name <> :name AND (r.slot = wanted.slot
    OR (r.domain_id = wanted.domain_id AND r.client_id = wanted.client_id)) LIMIT 1) AS reservation,
  (SELECT until FROM (
    SELECT iif(free_at = ${freeNever}, expires_at + ${quarantine}, free_at) AS until
    FROM lease WHERE slot = wanted.slot AND client_id IS NOT wanted.client_id
  ) WHERE until > unixepoch()) AS pairUntil,
  (SELECT expires_at FROM lease WHERE domain_id = wanted.domain_id AND client_id = wanted.client_id
    AND slot <> wanted.slot AND state <= ${bound} AND expires_at > unixepoch()) AS clientUntil
  FROM ${wantedPair}`;

/**
 * Says what stands in the way of reservations; one of the same name would make room.
 *
 * @returns For each wish, in their order.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function findObstacles(
  client: Client,
  wishes: readonly Wish[],
): Promise<ReservationObstacles[]> {
  const statements = wishes.map(({ pair, declared }) => ({
    sql: selectObstacles,
    args: { name: declared.name, ...pairParameters(pair, declared) },
  }));
  const results = statements.length === 0 ? [] : await client.batch(statements, "read");
  return results.map(({ rows: [row] }) => {
    const secondsOf = (value: unknown) => (value === null || value === undefined ? undefined : Number(value));
    return {
      reservation: (row?.reservation ?? undefined) as string | undefined,
      pairUntil: secondsOf(row?.pairUntil),
      clientUntil: secondsOf(row?.clientUntil),
    };
  });
}
