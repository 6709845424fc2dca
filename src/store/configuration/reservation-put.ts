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
import type { ReservationObstacles, Wish } from "./reservation-changes.ts";

/** The wanted state of a reservation. */
export interface WantedReservation {
  /** Name of its domain. */
  readonly domain: string;
  readonly declared: ReservationDeclaration;
  /** Whether to reserve the pair even if the client has a running lease of another pair: that lease ends. */
  readonly force: boolean;
}

/** An obstacle to a reservation. Times are Unix seconds. */
export type ReservationObstacle =
  /** Another reservation has the pair or the client. */
  | { readonly kind: "reserved"; readonly reservation: string }
  /** Another client has the pair until then. */
  | { readonly kind: "pair-in-use"; readonly until: number }
  /** The client has a lease of another pair until then, and the change was not forced. */
  | { readonly kind: "client-in-use"; readonly until: number }
  /** The pool is draining, or was changed meanwhile. */
  | { readonly kind: "pool-drained"; readonly pool: string };

/** The outcome of a change of a reservation. `unchanged`: the reservation was already as wanted. */
export type ReservationChange =
  | { readonly kind: "changed" | "unchanged"; readonly reservation: StoredReservation }
  /** It is in a different database from its wanted domain. */
  | { readonly kind: "other-database"; readonly from: string; readonly to: string }
  /** No pool of the domain has the address, or the pool that has it has no such port set. */
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

/** The outcome of the creation or replacement of a reservation. */
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
  asked: WantedReservation,
  precondition: Precondition,
): Promise<ReservationPut> {
  const wanted = canonical(asked);
  const home = databaseOf(databases, wanted.domain);
  const looks = await Promise.all(allPlaces(databases).map((place) => findNamesakeAndPools(place, wanted)));
  const located = looks.find(({ found }) => found !== undefined);
  const pools = looks.find(({ place }) => place.database === home)!.pools;
  if (located?.found === undefined) {
    if (precondition.version !== undefined) return { kind: "not-found" };
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
  asked: WantedReservation,
): Promise<ReservationChange> {
  const wanted = canonical(asked);
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

/** Returns the pools of a domain that have an address: at most one. */
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

/** Finds the reservation of the given name in one place, and the pools of the domain there that have the address. */
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
  const wish = wishOf(principal, wanted, pools);
  if (wish.kind === "no-pair") return wish;
  const database = databaseOf(databases, wanted.domain);
  const writer = writerOf(database);
  const { name } = wanted.declared;
  const { isDone, found } = await commitChange(
    database,
    createReservation(writer, principal.name, wish, { force: wanted.force }),
    [
      selectReservations(writer).where(and(eq(reservation.name, name), eq(domain.name, wanted.domain))),
      selectObstacles(writer, wish),
    ],
  );
  const [[row], [obstacles]] = found;
  if (isDone && row !== undefined) return { kind: "created", reservation: reservationOfRow(row) };
  return obstructed(wish, wanted, obstacles, row !== undefined);
}

async function update(
  databases: Databases,
  principal: Principal,
  { place, found: stored }: Found<StoredReservation>,
  wanted: WantedReservation,
  pools: readonly StoredPool[],
): Promise<ReservationChange> {
  const database = databaseOf(databases, wanted.domain);
  // A replacement across databases would take two transactions, so it is refused.
  if (place.database !== database) {
    return { kind: "other-database", from: stored.domain, to: wanted.domain };
  }
  const wish = wishOf(principal, wanted, pools);
  if (wish.kind === "no-pair") return wish;
  const writer = writerOf(database);
  const { name } = wanted.declared;
  const { isDone, found } = await commitChange(
    database,
    replaceReservation(writer, principal.name, stored, wish, { force: wanted.force }),
    [selectReservations(writer).where(eq(reservation.name, name)), selectObstacles(writer, wish)],
  );
  const [[row], [obstacles]] = found;
  if (isDone && row !== undefined) return { kind: "changed", reservation: reservationOfRow(row) };
  const isChanged = row?.reservation.version !== stored.version;
  return obstructed(wish, wanted, obstacles, isChanged);
}

type FoundWish = { readonly kind: "wish" } & Wish;

/** Finds the wanted pair, if the caller may see its domain. */
function wishOf(
  principal: Principal,
  { domain: domainName, declared }: WantedReservation,
  all: readonly StoredPool[],
): FoundWish | Extract<ReservationChange, { kind: "no-pair" }> {
  const pools = canAccess(principal, domainName) ? all : [];
  const found = findPair(pools, parseIPv4(declared.address), declared.psid);
  if (found === undefined) {
    return { kind: "no-pair", domain: domainName, pool: pools[0]?.declared.name, declared };
  }
  const pair = { domain: domainName, pool: found.pool.declared.name, number: found.number };
  return { kind: "wish", pair, declared };
}

/** Reports one obstacle: the kinds are checked in order, the most lasting kind first. */
function obstructed(
  { pair, declared }: Wish,
  { force }: WantedReservation,
  obstacles: ReservationObstacles | undefined,
  isChanged: boolean,
): ReservationChange {
  const { reservation: other = null, pairUntil = null, clientUntil = null } = obstacles ?? {};
  const because = (obstacle: ReservationObstacle) => ({ kind: "obstructed", declared, obstacle }) as const;
  if (other !== null) return because({ kind: "reserved", reservation: other });
  if (pairUntil !== null) return because({ kind: "pair-in-use", until: pairUntil });
  if (clientUntil !== null && !force) return because({ kind: "client-in-use", until: clientUntil });
  return isChanged ? { kind: "changed-meanwhile" } : because({ kind: "pool-drained", pool: pair.pool });
}
