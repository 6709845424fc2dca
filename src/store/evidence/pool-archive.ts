/**
 * The geometry of existing and deleted pools. A slot number always means the same pair.
 *
 * @module
 */
import { eq, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/sqlite-core";
import type { PoolGeometry } from "../../portset/pool-geometry.ts";
import type { Database } from "../database/database.ts";
import { geometryColumns, geometryOfRow, retiredGeometryColumns } from "../database/geometry-row.ts";
import { readerOf } from "../database/queries.ts";
import { domain, pool, retention, retiredPool } from "../database/schema.ts";
import { clockSeconds } from "../database/time.ts";

/** An existing or deleted pool. */
export interface ArchivedPool {
  readonly id: number;
  readonly name: string;
  readonly kind: "shared" | "full";
  readonly domain: string;
  readonly geometry: PoolGeometry;
  /** When it was deleted, in Unix seconds; null while it exists. */
  readonly retiredAt: number | null;
}

/** The pools that have or had an address, as of a time. */
export interface PoolArchive {
  /** Existing pools first, then deleted ones, the most recently deleted first. */
  readonly pools: readonly ArchivedPool[];
  /** The database's clock, in Unix seconds. */
  readonly now: number;
}

/**
 * Loads the pools that have or had an address, and reads the clock in the same round trip.
 *
 * @param address IPv4 address, unsigned.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function loadPoolArchive(database: Database, address: number): Promise<PoolArchive> {
  const reader = readerOf(database);
  const present = reader
    .select({
      id: pool.id,
      name: pool.name,
      domain: domain.name,
      ...geometryColumns,
      retiredAt: sql<number | null>`NULL`.as("retired_at"),
    })
    .from(pool)
    .innerJoin(domain, eq(domain.id, pool.domainId))
    .where(sql`${address} BETWEEN ${pool.firstAddress} AND ${pool.lastAddress}`);
  const retired = reader
    .select({
      id: retiredPool.id,
      name: retiredPool.name,
      domain: retiredPool.domainName,
      ...retiredGeometryColumns,
      retiredAt: sql<number | null>`${retiredPool.retiredAt}`.as("retired_at"),
    })
    .from(retiredPool)
    .where(sql`${address} BETWEEN ${retiredPool.firstAddress} AND ${retiredPool.lastAddress}`);
  const clock = reader.select({ now: clockSeconds(database) }).from(retention);
  const [rows, clocks] = await reader.batch([unionAll(present, retired), clock]);
  const pools = rows
    .map((row) => ({
      id: row.id,
      name: row.name,
      kind: row.psidLength === 0 ? ("full" as const) : ("shared" as const),
      domain: row.domain,
      geometry: geometryOfRow(row),
      retiredAt: row.retiredAt,
    }))
    .sort((a, b) => endOf(b) - endOf(a) || a.id - b.id);
  return { pools, now: clocks[0]!.now };
}

function endOf({ retiredAt }: ArchivedPool): number {
  return retiredAt ?? Number.MAX_SAFE_INTEGER;
}
