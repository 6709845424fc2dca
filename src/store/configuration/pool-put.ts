/**
 * Creates or replaces a pool. This is the only change that needs to know all databases.
 *
 * Within a database the statement ensures that no pools overlap. Two databases know nothing of each other, so the
 * others are asked before the creation, and again after it in case another caller created a pool there at the same
 * time. Then both pools may be deleted again; a pool that has given out leases meanwhile stays, and allocators refuse
 * to serve two that overlap.
 *
 * @module
 */
import { and, eq } from "drizzle-orm";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import { allPlaces, homeOf, inScope } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import type { Database } from "../database/database.ts";
import { readerOf, writerOf } from "../database/queries.ts";
import { domain, pool } from "../database/schema.ts";
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
} from "./pool-changes.ts";
import type { FixedDifference } from "./pool-changes.ts";
import { deletePool } from "./pool-deletion.ts";
import { replacementRefusal } from "./precondition.ts";
import type { ChangeRefusal, Precondition, PutRefusal } from "./precondition.ts";

/** The wanted state of a pool. */
export interface WantedPool {
  /** Name of its domain. */
  readonly domain: string;
  readonly declared: PoolDeclaration;
}

/** The outcome of a change of a pool. `unchanged`: the pool was already as wanted. */
export type PoolChange =
  | { readonly kind: "changed" | "unchanged"; readonly pool: StoredPool }
  /** It differs in a field that never changes. */
  | { readonly kind: "fixed"; readonly differences: readonly FixedDifference[] }
  /** It has reservations, so it cannot be drained; at most ten are named. */
  | { readonly kind: "has-reservations"; readonly reservations: readonly string[] }
  | ChangeRefusal;

/** The outcome of the creation or replacement of a pool. */
export type PoolPut =
  | PoolChange
  | { readonly kind: "created"; readonly pool: StoredPool }
  /** A pool that the caller may not see has this name. */
  | { readonly kind: "name-taken" }
  /** Its domain does not exist, or the caller may not see it. */
  | { readonly kind: "no-domain" }
  /** Another pool has some of its addresses; undefined when the caller may not see that pool. */
  | { readonly kind: "overlaps"; readonly other: StoredPool | undefined }
  | PutRefusal;

/** Creates a pool, or replaces the fields of it that may change. */
export async function putPool(
  databases: Databases,
  principal: Principal,
  wanted: WantedPool,
  precondition: Precondition,
): Promise<PoolPut> {
  const looks = await Promise.all(allPlaces(databases).map((place) => findCollisions(place, wanted)));
  const look = looks.find(({ namesake }) => namesake !== undefined);
  const stored = look?.namesake;
  if (look === undefined || stored === undefined) {
    if (precondition.version !== undefined) return { kind: "not-found" };
    return canAccess(principal, wanted.domain)
      ? create(databases, principal, wanted, looks)
      : { kind: "no-domain" };
  }
  if (!canAccess(principal, stored.domain)) return { kind: "name-taken" };
  const isSame = isSamePool(stored, wanted.domain, wanted.declared);
  const refusal = replacementRefusal(precondition, stored.version, isSame);
  return refusal ?? updatePool(look.database, principal, stored, wanted);
}

async function create(
  databases: Databases,
  principal: Principal,
  wanted: WantedPool,
  looks: readonly Collisions[],
): Promise<PoolPut> {
  const { database, scope } = homeOf(databases, wanted.domain);
  if (looks.some((look) => look.database !== database && look.overlap !== undefined)) {
    const isThere = looks.some((look) => look.database === database && look.hasDomain);
    return isThere ? overlapping(principal, looks) : { kind: "no-domain" };
  }
  const writer = writerOf(database);
  const change = createPool(writer, principal.name, wanted.domain, wanted.declared);
  const { isDone, found } = await commitChange(database, change, [
    selectDomainNamed(writer, wanted.domain),
    selectPools(writer).where(and(eq(pool.name, wanted.declared.name), inScope(domain.name, scope))),
    // Pools of domains that were moved away do not count, but their ranges still cannot be used.
    selectPools(writer)
      .where(overlaps(poolValues(wanted.declared)))
      .orderBy(pool.firstAddress)
      .limit(1),
  ]);
  const [[isThere], [row], [overlap]] = found;
  if (isThere === undefined) return { kind: "no-domain" };
  if (!isDone) {
    if (row !== undefined) return { kind: "exists" };
    return overlap === undefined
      ? { kind: "changed-meanwhile" }
      : overlapping(principal, [{ overlap: poolOfRow(overlap) }]);
  }
  if (row === undefined)
    throw new Error(`Cannot create pool "${wanted.declared.name}": it was not read back`);
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

/** What a new pool collides with in a database. */
interface Collisions {
  readonly database: Database;
  readonly hasDomain: boolean;
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
    namesake: namesake === undefined ? undefined : poolOfRow(namesake),
    overlap: overlap === undefined ? undefined : poolOfRow(overlap),
  };
}

function selectDomainNamed(builder: Selecting, name: string) {
  return builder.select({ id: domain.id }).from(domain).where(eq(domain.name, name));
}

/** Reports the first overlap that was found, and names the pool only if the caller may see it. */
function overlapping(principal: Principal, looks: readonly Pick<Collisions, "overlap">[]): PoolPut {
  const other = looks.find(({ overlap }) => overlap !== undefined)?.overlap;
  const isSeen = other !== undefined && canAccess(principal, other.domain);
  return { kind: "overlaps", other: isSeen ? other : undefined };
}

/** Changes the fields of a pool that may change. */
export async function updatePool(
  database: Database,
  principal: Principal,
  stored: StoredPool,
  wanted: WantedPool,
): Promise<PoolChange> {
  const differences = fixedDifferences(stored, wanted.domain, wanted.declared);
  if (differences.length > 0) return { kind: "fixed", differences };
  if (isSamePool(stored, wanted.domain, wanted.declared)) return { kind: "unchanged", pool: stored };
  const writer = writerOf(database);
  const change = changePool(writer, principal.name, stored, wanted.declared);
  const { isDone, found } = await commitChange(database, change, [
    selectPools(writer).where(eq(pool.id, stored.id)),
    selectReservationsOf(writer, stored.id),
  ]);
  const [[row], reservations] = found;
  if (isDone && row !== undefined) return { kind: "changed", pool: poolOfRow(row) };
  if (row?.pool.version !== stored.version) return { kind: "changed-meanwhile" };
  return { kind: "has-reservations", reservations: reservations.map(({ name }) => name) };
}
