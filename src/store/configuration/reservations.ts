/**
 * The store of reservations, for operators.
 *
 * @module
 */
import { and, eq, gt } from "drizzle-orm";
import { findIn, inScope, listByName } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { placesFor } from "../database/places-for.ts";
import { readerOf, readRows, writerOf } from "../database/queries.ts";
import { domain, pool, reservation } from "../database/schema.ts";
import { canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { commitChange } from "./change.ts";
import { reservationOfRow, selectReservations } from "./declared.ts";
import type { StoredReservation } from "./declared.ts";
import type { NamePage } from "./name-page.ts";
import { staleness } from "./precondition.ts";
import type { ChangeRefusal, Precondition } from "./precondition.ts";
import { deleteReservation } from "./reservation-changes.ts";
import { changeReservation, putReservation } from "./reservation-put.ts";
import type { ReservationChange, ReservationPut, WantedReservation } from "./reservation-put.ts";

/** Selects reservations. */
export interface ReservationFilter {
  /** Only reservations of this domain. */
  readonly domain?: string | undefined;
  readonly pool?: string | undefined;
  readonly clientId?: Uint8Array | undefined;
}

/** The outcome of deleting a reservation. */
export type ReservationDeletion = { readonly kind: "deleted" } | ChangeRefusal;

/** The reservations of all databases. Every method throws {@link DatabaseError} when a database cannot be reached. */
export interface ReservationStore {
  /** Lists the reservations that the caller may see, by name. */
  readonly list: (
    principal: Principal,
    filter: ReservationFilter,
    page: NamePage,
  ) => Promise<readonly StoredReservation[]>;
  /** @returns The reservation of this name, if it exists and the caller may see it. */
  readonly find: (principal: Principal, name: string) => Promise<StoredReservation | undefined>;
  /** Creates a reservation, or replaces it. */
  readonly put: (
    principal: Principal,
    wanted: WantedReservation,
    precondition: Precondition,
  ) => Promise<ReservationPut>;
  /**
   * Changes a reservation.
   *
   * @param revise Returns the wanted reservation. An error that it throws is passed on.
   */
  readonly change: (
    principal: Principal,
    name: string,
    precondition: Precondition,
    revise: (stored: StoredReservation) => WantedReservation,
  ) => Promise<ReservationChange>;
  /** Deletes a reservation. A running lease continues. */
  readonly delete: (
    principal: Principal,
    name: string,
    precondition: Precondition,
  ) => Promise<ReservationDeletion>;
}

/** Creates the store of reservations. */
export function createReservationStore(databases: Databases): ReservationStore {
  const locate = (principal: Principal, name: string) =>
    findIn(placesFor(databases, principal), (place) => findReservation(place, name));
  return {
    list: async (principal, filter, page) => {
      if (filter.domain !== undefined && !canAccess(principal, filter.domain)) return [];
      return listByName(
        placesFor(databases, principal, filter.domain),
        page.limit,
        (place) => listReservations(place, filter, page),
        ({ declared }) => declared.name,
      );
    },
    find: async (principal, name) => (await locate(principal, name))?.found,
    put: (principal, wanted, precondition) => putReservation(databases, principal, wanted, precondition),
    change: async (principal, name, precondition, revise) => {
      const located = await locate(principal, name);
      if (located === undefined) return { kind: "not-found" };
      const stale = staleness(precondition, located.found.version);
      if (stale !== undefined) return stale;
      return changeReservation(databases, principal, located, revise(located.found));
    },
    delete: async (principal, name, precondition) => {
      const located = await locate(principal, name);
      if (located === undefined) return { kind: "not-found" };
      const { found, place } = located;
      const stale = staleness(precondition, found.version);
      if (stale !== undefined) return stale;
      const change = deleteReservation(writerOf(place.database), principal.name, found);
      const { isDone } = await commitChange(place.database, change, []);
      return { kind: isDone ? "deleted" : "changed-meanwhile" };
    },
  };
}

async function listReservations(
  { database, scope }: Place,
  { pool: poolName, clientId }: ReservationFilter,
  { after = "", limit }: NamePage,
): Promise<StoredReservation[]> {
  const rows = await readRows(
    database,
    selectReservations(readerOf(database))
      .where(
        and(
          gt(reservation.name, after),
          inScope(domain.name, scope),
          poolName === undefined ? undefined : eq(pool.name, poolName),
          clientId === undefined ? undefined : eq(reservation.clientId, clientId),
        ),
      )
      .orderBy(reservation.name)
      .limit(limit),
  );
  return rows.map(reservationOfRow);
}

async function findReservation(
  { database, scope }: Place,
  name: string,
): Promise<StoredReservation | undefined> {
  const [row] = await readRows(
    database,
    selectReservations(readerOf(database)).where(
      and(eq(reservation.name, name), inScope(domain.name, scope)),
    ),
  );
  return row === undefined ? undefined : reservationOfRow(row);
}
