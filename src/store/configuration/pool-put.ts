/**
 * Creates or replaces a pool. Creating one involves all databases.
 *
 * Within one database, the statement ensures that no pools overlap. It cannot see other databases, so they are checked
 * before the creation, and again after it in case another caller created a pool there at the same time. In that case
 * both callers may delete their pool again. A pool that has given out leases in between stays, and allocators refuse to
 * serve pools that overlap.
 *
 * @module
 */
import { and, eq } from "drizzle-orm";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import { rangeContains } from "../../declaration/usable-addresses.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import { allPlaces, homeOf, inScope } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import type { Database } from "../database/database.ts";
import { readerOf, writerOf } from "../database/queries.ts";
import { domain, pool } from "../database/schema.ts";
import { selectInstant } from "../database/time.ts";
import { canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { commitChange } from "./change.ts";
import { poolOfRow, poolValues, selectPools } from "./declared.ts";
import type { Selecting, StoredPool } from "./declared.ts";
import {
  changePool,
  createPool,
  fixedDifferences,
  isSamePool,
  overlaps,
  selectReservationsOf,
  serverIdentifierOf,
} from "./pool-changes.ts";
import type { FixedDifference } from "./pool-changes.ts";
import { deletePool } from "./pool-deletion.ts";
import { isPastDrain } from "./plan-pools.ts";
import { replacementRefusal } from "./precondition.ts";
import type { ChangeRefusal, Precondition, PutRefusal } from "./precondition.ts";

/** The wanted state of a pool. */
export interface WantedPool {
  /** Name of its domain. */
  readonly domain: string;
  readonly declared: PoolDeclaration;
}

/** How a pool is changed. */
export interface PoolChangeOptions {
  /** Accepts a drain date that is past, so that the pool is drained at once. Default: false. */
  readonly force?: boolean;
}

/** The outcome of changing a pool. `unchanged`: the pool was already in the wanted state. */
export type PoolChange =
  | { readonly kind: "changed" | "unchanged"; readonly pool: StoredPool }
  /** The wanted state differs in fields that never change. */
  | { readonly kind: "fixed"; readonly differences: readonly FixedDifference[] }
  /** The drain date is past. `now`: the clock of the database, in Unix seconds. */
  | { readonly kind: "past-date"; readonly date: string; readonly now: number }
  /** The pool cannot be drained because it has reservations, of which at most ten are named. */
  | { readonly kind: "has-reservations"; readonly reservations: readonly string[] }
  | ChangeRefusal;

/** The outcome of creating or replacing a pool. */
export type PoolPut =
  | PoolChange
  | { readonly kind: "created"; readonly pool: StoredPool }
  /** A pool that the caller may not see has this name. */
  | { readonly kind: "name-taken" }
  /** The domain of the pool does not exist, or the caller may not see it. */
  | { readonly kind: "no-domain" }
  /** Another pool has some of the addresses. `other` is undefined when the caller may not see that pool. */
  | { readonly kind: "overlaps"; readonly other: StoredPool | undefined }
  /** The range contains the server identifier of the domain. */
  | { readonly kind: "contains-server"; readonly serverIdentifier: string }
  | PutRefusal;

/** Creates a pool, or replaces the fields that may change. */
export async function putPool(
  databases: Databases,
  principal: Principal,
  wanted: WantedPool,
  precondition: Precondition,
  options: PoolChangeOptions = {},
): Promise<PoolPut> {
  const collisions = await Promise.all(allPlaces(databases).map((place) => findCollisions(place, wanted)));
  const located = collisions.find(({ namesake }) => namesake !== undefined);
  const stored = located?.namesake;
  if (located === undefined || stored === undefined) {
    if (precondition.versions !== undefined) return { kind: "not-found" };
    return canAccess(principal, wanted.domain)
      ? create(databases, principal, wanted, collisions, options)
      : { kind: "no-domain" };
  }
  if (!canAccess(principal, stored.domain)) return { kind: "name-taken" };
  const isSame = isSamePool(stored, wanted.domain, wanted.declared);
  const refusal = replacementRefusal(precondition, stored.version, isSame);
  return refusal ?? updatePool(located.database, principal, stored, wanted, options);
}

async function create(
  databases: Databases,
  principal: Principal,
  wanted: WantedPool,
  collisions: readonly Collisions[],
  { force = false }: PoolChangeOptions,
): Promise<PoolPut> {
  const { database, scope } = homeOf(databases, wanted.domain);
  if (collisions.some((each) => each.database !== database && each.overlap !== undefined)) {
    const hasDomain = collisions.some((each) => each.database === database && each.hasDomain);
    return hasDomain ? overlapping(principal, collisions) : { kind: "no-domain" };
  }
  const server = collisions.find((each) => each.database === database)?.serverIdentifier;
  if (server !== undefined && rangeContains(poolValues(wanted.declared), parseIPv4(server))) {
    return { kind: "contains-server", serverIdentifier: server };
  }
  const writer = writerOf(database);
  const change = createPool(writer, principal.name, wanted.domain, wanted.declared, {
    serverIdentifier: server ?? "",
    mustDrainLater: !force,
  });
  const { isDone, found } = await commitChange(database, change, [
    selectDomainNamed(writer, wanted.domain),
    selectPools(writer).where(and(eq(pool.name, wanted.declared.name), inScope(domain.name, scope))),
    // Includes pools of domains that were moved away: their ranges still cannot be used.
    selectPools(writer)
      .where(overlaps(poolValues(wanted.declared)))
      .orderBy(pool.firstAddress)
      .limit(1),
    selectInstant(writer),
  ]);
  const [[domainRow], [row], [overlap], [clock]] = found;
  if (domainRow === undefined) return { kind: "no-domain" };
  if (!isDone) {
    if (row !== undefined) return { kind: "exists" };
    if (domainRow.serverIdentifier !== server) return { kind: "changed-meanwhile" };
    if (overlap !== undefined) return overlapping(principal, [{ overlap: poolOfRow(overlap) }]);
    return pastDate(wanted, null, clock!.now, force) ?? { kind: "changed-meanwhile" };
  }
  if (row === undefined)
    throw new Error(
      `Cannot create pool "${wanted.declared.name}": found no row after the insert, expected one`,
    );
  const created = poolOfRow(row);
  const others = allPlaces(databases).filter((place) => place.database !== database);
  const after = await Promise.all(others.map((place) => findCollisions(place, wanted)));
  const hasNamesake = after.some(({ namesake }) => namesake !== undefined);
  if (!hasNamesake && after.every(({ overlap: other }) => other === undefined)) {
    return { kind: "created", pool: created };
  }
  await deletePool(database, principal.name, created, { force: false });
  return hasNamesake ? { kind: "exists" } : overlapping(principal, after);
}

/** The pools of one database that a new pool would collide with. */
interface Collisions {
  readonly database: Database;
  readonly hasDomain: boolean;
  /** Server identifier of the domain, if this database has it. */
  readonly serverIdentifier: string | undefined;
  readonly namesake: StoredPool | undefined;
  readonly overlap: StoredPool | undefined;
}

async function findCollisions(
  { database, scope }: Place,
  { domain: domainName, declared }: WantedPool,
): Promise<Collisions> {
  const reader = readerOf(database);
  const counts = inScope(domain.name, scope);
  const [[named], [namesake], [overlap]] = await reader.batch([
    selectDomainNamed(reader, domainName),
    selectPools(reader).where(and(eq(pool.name, declared.name), counts)),
    selectPools(reader)
      .where(and(overlaps(poolValues(declared)), counts))
      .orderBy(pool.firstAddress)
      .limit(1),
  ]);
  return {
    database,
    hasDomain: named !== undefined,
    serverIdentifier: named?.serverIdentifier,
    namesake: namesake === undefined ? undefined : poolOfRow(namesake),
    overlap: overlap === undefined ? undefined : poolOfRow(overlap),
  };
}

function selectDomainNamed(builder: Selecting, name: string) {
  const selected = { id: domain.id, serverIdentifier: serverIdentifierOf(domain.settings) };
  return builder.select(selected).from(domain).where(eq(domain.name, name));
}

/** Reports the first overlap. The pool is included only if the caller may see it. */
function overlapping(principal: Principal, collisions: readonly Pick<Collisions, "overlap">[]): PoolPut {
  const other = collisions.find(({ overlap }) => overlap !== undefined)?.overlap;
  const isSeen = other !== undefined && canAccess(principal, other.domain);
  return { kind: "overlaps", other: isSeen ? other : undefined };
}

/** @returns The refusal of a new drain date that is past, unless it is forced. */
function pastDate(
  { declared: { drainUntil } }: WantedPool,
  current: string | null,
  now: number,
  force: boolean,
) {
  if (force || drainUntil === null || !isPastDrain(drainUntil, current, now)) return undefined;
  return { kind: "past-date", date: drainUntil, now } as const;
}

/** Changes the fields of a pool that may change. */
export async function updatePool(
  database: Database,
  principal: Principal,
  stored: StoredPool,
  wanted: WantedPool,
  { force = false }: PoolChangeOptions = {},
): Promise<PoolChange> {
  const differences = fixedDifferences(stored, wanted.domain, wanted.declared);
  if (differences.length > 0) return { kind: "fixed", differences };
  if (isSamePool(stored, wanted.domain, wanted.declared)) return { kind: "unchanged", pool: stored };
  const writer = writerOf(database);
  const change = changePool(writer, principal.name, stored, wanted.declared, { mustDrainLater: !force });
  const { isDone, found } = await commitChange(database, change, [
    selectPools(writer).where(eq(pool.id, stored.id)),
    selectReservationsOf(writer, stored.id),
    selectInstant(writer),
  ]);
  const [[row], reservations, [clock]] = found;
  if (isDone && row !== undefined) return { kind: "changed", pool: poolOfRow(row) };
  if (row?.pool.version !== stored.version) return { kind: "changed-meanwhile" };
  const past = pastDate(wanted, stored.declared.drainUntil, clock!.now, force);
  if (past !== undefined) return past;
  return { kind: "has-reservations", reservations: reservations.map(({ name }) => name) };
}
