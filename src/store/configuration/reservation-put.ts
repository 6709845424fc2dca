/**
 * Creates or replaces a reservation, in any of the databases.
 *
 * @module
 */
import { and, eq, gte, lte } from "drizzle-orm";
import type { ReservationDeclaration } from "../../declaration/reservation-declaration.ts";
import { findPair } from "../../portset/find-pair.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import { allPlaces, databaseOf, inScope, placeOf } from "../database/databases.ts";
import type { Databases, Found, Place } from "../database/databases.ts";
import { readerOf, readRows, writerOf } from "../database/queries.ts";
import { domain, pool, reservation } from "../database/schema.ts";
import { canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { commitChange } from "./change.ts";
import {
  canonicalReservation,
  poolOfRow,
  reservationOfRow,
  selectPools,
  selectReservations,
} from "./declared.ts";
import type { StoredPool, StoredReservation } from "./declared.ts";
import { replacementRefusal } from "./precondition.ts";
import type { ChangeRefusal, Precondition, PutRefusal } from "./precondition.ts";
import { createReservation, replaceReservation, selectObstacles } from "./reservation-changes.ts";
import type { ReservationObstacles, ReservationRequest } from "./reservation-changes.ts";

/** The wanted state of a reservation. */
export interface WantedReservation {
  /** Name of its domain. */
  readonly domain: string;
  readonly declared: ReservationDeclaration;
  /** Whether to reserve the pair even if the client has a running lease of another pair. The client then moves. */
  readonly force: boolean;
}

/** An obstacle to a reservation. Times are Unix seconds. */
export type ReservationObstacle =
  /** Another reservation has the pair or the client. */
  | { readonly kind: "reserved"; readonly reservation: string }
  /** Another client has the pair until `until`. */
  | { readonly kind: "pair-in-use"; readonly until: number }
  /** The pair is kept until `until` for a client that moves to it: for this client if `isOwn`, otherwise for another. */
  | { readonly kind: "move-pending"; readonly until: number; readonly isOwn: boolean }
  /** The client has a lease of another pair until `until`, and the change was not forced. */
  | { readonly kind: "client-in-use"; readonly until: number }
  /** The pool is draining, or has just been changed. */
  | { readonly kind: "pool-drained"; readonly pool: string };

/** The outcome of changing a reservation. `unchanged`: the reservation was already in the wanted state. */
export type ReservationChange =
  | { readonly kind: "changed" | "unchanged"; readonly reservation: StoredReservation }
  /** The reservation is stored in a different database than its wanted domain. */
  | { readonly kind: "other-database"; readonly from: string; readonly to: string }
  /** No pool of the domain has the address, or `pool` has the address but not the port set. */
  | {
      readonly kind: "no-pair";
      readonly domain: string;
      readonly pool: string | undefined;
      readonly declared: ReservationDeclaration;
    }
  | {
      readonly kind: "obstructed";
      readonly declared: ReservationDeclaration;
      readonly obstacle: ReservationObstacle;
    }
  | ChangeRefusal;

/** The outcome of creating or replacing a reservation. */
export type ReservationPut =
  | ReservationChange
  | { readonly kind: "created"; readonly reservation: StoredReservation }
  /** A reservation that the caller may not see has this name. */
  | { readonly kind: "name-taken" }
  | PutRefusal;

/** Creates a reservation, or replaces it. */
export async function putReservation(
  databases: Databases,
  principal: Principal,
  requested: WantedReservation,
  precondition: Precondition,
): Promise<ReservationPut> {
  const wanted = canonical(requested);
  const home = databaseOf(databases, wanted.domain);
  const perPlace = await Promise.all(
    allPlaces(databases).map((place) => findNamesakeAndPools(place, wanted)),
  );
  const located = perPlace.find(({ found }) => found !== undefined);
  const pools = perPlace.find(({ place }) => place.database === home)!.pools;
  if (located?.found === undefined) {
    if (precondition.versions !== undefined) return { kind: "not-found" };
    return create(databases, principal, wanted, pools);
  }
  const { place, found } = located;
  if (!canAccess(principal, found.domain)) return { kind: "name-taken" };
  const same = isSame(found, wanted);
  const refusal = replacementRefusal(precondition, found.version, same);
  if (refusal !== undefined) return refusal;
  if (same) return { kind: "unchanged", reservation: found };
  return update(databases, principal, { place, found }, wanted, pools);
}

/** Changes a reservation that the caller may see. */
export async function changeReservation(
  databases: Databases,
  principal: Principal,
  located: Found<StoredReservation>,
  requested: WantedReservation,
): Promise<ReservationChange> {
  const wanted = canonical(requested);
  if (isSame(located.found, wanted)) return { kind: "unchanged", reservation: located.found };
  const pools = await poolsWith(placeOf(databases, wanted.domain), wanted);
  return update(databases, principal, located, wanted, pools);
}

const canonical = (wanted: WantedReservation): WantedReservation => ({
  ...wanted,
  declared: canonicalReservation(wanted.declared),
});

function isSame(stored: StoredReservation, { domain: domainName, declared }: WantedReservation): boolean {
  return stored.domain === domainName && JSON.stringify(stored.declared) === JSON.stringify(declared);
}

/** Finds the pools of a place that have the wanted address. Pools do not overlap, so there is at most one. */
async function poolsWith({ database, scope }: Place, wanted: WantedReservation): Promise<StoredPool[]> {
  const rows = await readRows(
    database,
    selectPools(readerOf(database)).where(and(hasAddress(wanted), inScope(domain.name, scope))),
  );
  return rows.map(poolOfRow);
}

function hasAddress({ declared }: WantedReservation) {
  const address = parseIPv4(declared.address);
  return and(lte(pool.firstAddress, address), gte(pool.lastAddress, address));
}

/** Finds the reservation of the wanted name in one place, and the pools of the wanted domain that have the address. */
async function findNamesakeAndPools(place: Place, wanted: WantedReservation) {
  const reader = readerOf(place.database);
  const [[row], pools] = await reader.batch([
    selectReservations(reader).where(
      and(eq(reservation.name, wanted.declared.name), inScope(domain.name, place.scope)),
    ),
    selectPools(reader).where(and(hasAddress(wanted), eq(domain.name, wanted.domain))),
  ]);
  return {
    place,
    found: row === undefined ? undefined : reservationOfRow(row),
    pools: pools.map(poolOfRow),
  };
}

async function create(
  databases: Databases,
  principal: Principal,
  wanted: WantedReservation,
  pools: readonly StoredPool[],
): Promise<ReservationPut> {
  const request = requestOf(principal, wanted, pools);
  if (request.kind === "no-pair") return request;
  const database = databaseOf(databases, wanted.domain);
  const writer = writerOf(database);
  const { name } = wanted.declared;
  const { isDone, found } = await commitChange(
    database,
    createReservation(writer, principal.name, request, { force: wanted.force }),
    [
      selectReservations(writer).where(and(eq(reservation.name, name), eq(domain.name, wanted.domain))),
      selectObstacles(writer, request),
    ],
  );
  const [[row], [obstacles]] = found;
  if (isDone && row !== undefined) return { kind: "created", reservation: reservationOfRow(row) };
  return obstructed(request, wanted, obstacles, row !== undefined);
}

async function update(
  databases: Databases,
  principal: Principal,
  { place, found: stored }: Found<StoredReservation>,
  wanted: WantedReservation,
  pools: readonly StoredPool[],
): Promise<ReservationChange> {
  const database = databaseOf(databases, wanted.domain);
  // A replacement across databases would need two transactions, so it is refused.
  if (place.database !== database) {
    return { kind: "other-database", from: stored.domain, to: wanted.domain };
  }
  const request = requestOf(principal, wanted, pools);
  if (request.kind === "no-pair") return request;
  const writer = writerOf(database);
  const { name } = wanted.declared;
  const { isDone, found } = await commitChange(
    database,
    replaceReservation(writer, principal.name, stored, request, { force: wanted.force }),
    [selectReservations(writer).where(eq(reservation.name, name)), selectObstacles(writer, request)],
  );
  const [[row], [obstacles]] = found;
  if (isDone && row !== undefined) return { kind: "changed", reservation: reservationOfRow(row) };
  const isChanged = row?.reservation.version !== stored.version;
  return obstructed(request, wanted, obstacles, isChanged);
}

type FoundRequest = { readonly kind: "request" } & ReservationRequest;

/** Finds the wanted pair, if the caller may see its domain. */
function requestOf(
  principal: Principal,
  { domain: domainName, declared }: WantedReservation,
  all: readonly StoredPool[],
): FoundRequest | Extract<ReservationChange, { kind: "no-pair" }> {
  const pools = canAccess(principal, domainName) ? all : [];
  const found = findPair(pools, parseIPv4(declared.address), declared.psid);
  if (found === undefined) {
    return { kind: "no-pair", domain: domainName, pool: pools[0]?.declared.name, declared };
  }
  const pair = { domain: domainName, pool: found.pool.declared.name, number: found.number };
  return { kind: "request", pair, declared };
}

/** Reports one obstacle. A reservation comes first, because it has no end. */
function obstructed(
  { pair, declared }: ReservationRequest,
  { force }: WantedReservation,
  obstacles: ReservationObstacles | undefined,
  isChanged: boolean,
): ReservationChange {
  const {
    reservation: other = null,
    pairUntil = null,
    moveIsOwn = null,
    clientUntil = null,
  } = obstacles ?? {};
  const because = (obstacle: ReservationObstacle) => ({ kind: "obstructed", declared, obstacle }) as const;
  if (other !== null) return because({ kind: "reserved", reservation: other });
  if (pairUntil !== null && moveIsOwn !== null) {
    return because({ kind: "move-pending", until: pairUntil, isOwn: moveIsOwn === 1 });
  }
  if (pairUntil !== null) return because({ kind: "pair-in-use", until: pairUntil });
  if (clientUntil !== null && !force) return because({ kind: "client-in-use", until: clientUntil });
  return isChanged ? { kind: "changed-meanwhile" } : because({ kind: "pool-drained", pool: pair.pool });
}
