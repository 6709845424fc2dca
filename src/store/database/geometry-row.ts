/**
 * Converts a row of `pool` or `retired_pool` to a geometry.
 *
 * @module
 */
import * as v from "valibot";
import { createPoolGeometry } from "../../portset/pool-geometry.ts";
import type { PoolGeometry } from "../../portset/pool-geometry.ts";
import type { PortRange } from "../../portset/port-set.ts";
import { pool, retiredPool } from "./schema.ts";

/** The columns of `pool` that define which pair each slot number is. They never change. */
export const geometryColumns = {
  firstAddress: pool.firstAddress,
  lastAddress: pool.lastAddress,
  psidOffset: pool.psidOffset,
  psidLength: pool.psidLength,
  reservedPorts: pool.reservedPorts,
  fill: pool.fill,
} as const;

/** The same columns of `retired_pool`. */
export const retiredGeometryColumns = {
  firstAddress: retiredPool.firstAddress,
  lastAddress: retiredPool.lastAddress,
  psidOffset: retiredPool.psidOffset,
  psidLength: retiredPool.psidLength,
  reservedPorts: retiredPool.reservedPorts,
  fill: retiredPool.fill,
} as const;

/** A row with these columns. */
export type GeometryRow = Pick<typeof pool.$inferSelect, keyof typeof geometryColumns>;

const portRangesSchema = v.array(v.object({ first: v.number(), last: v.number() }));

/**
 * Reads the reserved ports of a row.
 *
 * @throws {ValiError} When the column has another format: the store wrote it, so this is a bug in this program.
 */
export function reservedPortsOf({ reservedPorts }: Pick<GeometryRow, "reservedPorts">): readonly PortRange[] {
  return v.parse(portRangesSchema, JSON.parse(reservedPorts));
}

/**
 * Computes the geometry of a pool from its row.
 *
 * @param row A row of `pool` or `retired_pool`.
 * @returns The geometry, which maps each slot number to its pair.
 * @throws {RangeError} When the row is not a valid pool.
 */
export function geometryOfRow(row: GeometryRow): PoolGeometry {
  const { firstAddress, lastAddress, psidOffset, psidLength, fill } = row;
  return createPoolGeometry({
    firstAddress,
    lastAddress,
    psidOffset,
    psidLength,
    reservedPorts: reservedPortsOf(row),
    fill,
  });
}
