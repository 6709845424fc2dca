/**
 * Changes of pools, as statements whose conditions say when the change is allowed.
 *
 * @module
 */
import { and, eq, gt, gte, lte, notExists, sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import type { IPv4Range } from "../../declaration/usable-addresses.ts";
import { namesShownMax } from "../../limits.ts";
import { nameOf, namesOf } from "../database/columns.ts";
import type { Writer } from "../database/queries.ts";
import { domain, lease, pool, reservation } from "../database/schema.ts";
import { instantSeconds } from "../database/time.ts";
import type { Change } from "./change.ts";
import { poolValues } from "./declared.ts";
import type { Selecting, StoredPool } from "./declared.ts";

/** @returns A condition: the pool has at least one of the addresses. */
export function overlaps({ firstAddress, lastAddress }: IPv4Range): SQL | undefined {
  return and(lte(pool.firstAddress, lastAddress), gte(pool.lastAddress, firstAddress));
}

/**
 * @param wanted Unix seconds of the wanted drain date, or null.
 * @param current Unix seconds of the current one, or null. A date that stays may be past.
 * @returns A condition: the drain date does not change, or is not past by the clock of the database.
 */
function drainsLater(wanted: number | null, current: number | null): SQL | undefined {
  return wanted === null || wanted === current ? undefined : sql`${wanted} > ${instantSeconds}`;
}

/** @returns The server identifier in the settings of a domain. */
export function serverIdentifierOf(settings: Column): SQL<string> {
  return sql<string>`${settings} ->> 'serverIdentifier'`;
}

/** @returns A pool in the format of the audit record. */
export function auditedPool(domainName: string, declared: PoolDeclaration) {
  return { domain: domainName, ...declared };
}

/** Conditions of a new pool that a plan has checked already. */
export interface CreationChecks {
  /**
   * The server identifier of the domain that was compared with the range. Default: any, because the transaction checks
   * it.
   */
  readonly serverIdentifier?: string;
  /** Whether a drain date must not be past. */
  readonly mustDrainLater: boolean;
}

/** Creates a pool, unless it exists or its range overlaps another pool. A pool is one row, whatever its size. */
export function createPool(
  writer: Writer,
  actor: string,
  domainName: string,
  declared: PoolDeclaration,
  { serverIdentifier, mustDrainLater }: CreationChecks,
): Change {
  const { name } = declared;
  const values = poolValues(declared);
  const isServer =
    serverIdentifier === undefined ? sql`true` : eq(serverIdentifierOf(domain.settings), serverIdentifier);
  const isLater = mustDrainLater ? drainsLater(values.drainUntil, null) : undefined;
  const columns = namesOf(
    pool.domainId,
    pool.name,
    pool.firstAddress,
    pool.lastAddress,
    pool.psidOffset,
    pool.psidLength,
    pool.reservedPorts,
    pool.fill,
    pool.options,
    pool.psids,
    pool.slots,
    pool.drainUntil,
  );
  return {
    statement: writer.all(sql`INSERT INTO ${pool} (${columns})
      SELECT ${domain.id}, ${name}, ${values.firstAddress}, ${values.lastAddress}, ${values.psidOffset},
        ${values.psidLength}, ${values.reservedPorts}, ${values.fill}, ${values.options}, ${values.psids},
        ${values.slots}, ${values.drainUntil}
      FROM ${domain} WHERE ${domain.name} = ${domainName} AND ${isServer} AND ${isLater ?? sql`true`}
        AND NOT EXISTS (SELECT 1 FROM ${pool} WHERE ${overlaps(values)})
      ON CONFLICT (${nameOf(pool.name)}) DO NOTHING RETURNING ${nameOf(pool.id)}`),
    audit: {
      actor,
      action: "create",
      resource: "pool",
      name,
      domain: domainName,
      before: null,
      after: auditedPool(domainName, declared),
    },
  };
}

/** A fixed field that the declaration would change. Values are JSON, or `nothing` for a field that a kind lacks. */
export interface FixedDifference {
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

/**
 * Finds fixed fields that a declaration would change. They are fixed because leases and history name slots by number.
 */
export function fixedDifferences(
  stored: StoredPool,
  domainName: string,
  declared: PoolDeclaration,
): FixedDifference[] {
  const has = fixedValues(stored.domain, stored.declared);
  const wants = fixedValues(domainName, declared);
  const textOf = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value));
  return has
    .map(({ path, value, canonical }, index) => ({
      path,
      found: textOf(wants[index]!.value),
      expected: textOf(value),
      isSame: canonical === wants[index]!.canonical,
    }))
    .filter(({ isSame }) => !isSame)
    .map(({ path, found, expected }) => ({ path, found, expected }));
}

/** The fixed fields, each as declared and in a canonical form for comparison. */
function fixedValues(domainName: string, declared: PoolDeclaration) {
  const { firstAddress, lastAddress, psidOffset, psidLength, reservedPorts } = poolValues(declared);
  const shared = declared.kind === "shared" ? declared : undefined;
  return [
    { path: "domain", value: domainName, canonical: domainName },
    { path: "kind", value: declared.kind, canonical: declared.kind },
    { path: "range", value: declared.range, canonical: `${firstAddress}-${lastAddress}` },
    { path: "psidOffset", value: shared?.psidOffset, canonical: psidOffset },
    { path: "psidLength", value: shared?.psidLength, canonical: psidLength },
    { path: "reservedPorts", value: shared?.reservedPorts, canonical: reservedPorts },
    { path: "fill", value: declared.fill, canonical: declared.fill },
  ];
}

/** @returns Whether a declaration equals the stored pool. */
export function isSamePool(stored: StoredPool, domainName: string, declared: PoolDeclaration): boolean {
  return (
    stored.domain === domainName &&
    JSON.stringify(poolValues(stored.declared)) === JSON.stringify(poolValues(declared))
  );
}

/**
 * Changes the options or the drain date. A pool with reservations cannot be drained, because reservations never end.
 *
 * @param mustDrainLater Whether a new drain date must not be past.
 */
export function changePool(
  writer: Writer,
  actor: string,
  stored: StoredPool,
  declared: PoolDeclaration,
  { mustDrainLater }: Pick<CreationChecks, "mustDrainLater">,
): Change {
  const { id, version, domain: domainName } = stored;
  const { options, drainUntil } = poolValues(declared);
  const isDrained = drainUntil !== null && stored.declared.drainUntil === null;
  const current = poolValues(stored.declared).drainUntil;
  return {
    statement: writer
      .update(pool)
      .set({ options, drainUntil, version: sql`${pool.version} + 1` })
      .where(
        and(
          eq(pool.id, id),
          eq(pool.version, version),
          drainUntil === null ? undefined : notExists(selectReservationsOf(writer, id)),
          mustDrainLater ? drainsLater(drainUntil, current) : undefined,
        ),
      )
      .returning({ id: pool.id }),
    audit: {
      actor,
      action: isDrained ? "drain" : "change",
      resource: "pool",
      name: declared.name,
      domain: domainName,
      before: auditedPool(domainName, stored.declared),
      after: auditedPool(domainName, declared),
    },
  };
}

/** Starts a query for the names of the first few reservations in a pool. */
export function selectReservationsOf(builder: Selecting, poolId: number) {
  return builder
    .select({ name: reservation.name })
    .from(reservation)
    .where(eq(reservation.poolId, poolId))
    .orderBy(reservation.name)
    .limit(namesShownMax);
}

/**
 * Starts a query for slots of a pool that are offered, leased or quarantined, so that a client may still use them.
 *
 * @param poolId Id of the pool, or the column of the outer query that has it.
 * @param now Unix seconds. Default: the instant of the write batch.
 */
export function selectUses(builder: Selecting, poolId: number | Column, now: SQL<number> = instantSeconds) {
  return builder
    .select({ slot: lease.slot })
    .from(lease)
    .where(and(eq(lease.poolId, poolId), gt(lease.freeAt, now)))
    .limit(1);
}
