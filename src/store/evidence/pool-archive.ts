/**
 * What slots mean, of pools that are there and of those that were deleted: a slot number never means another pair.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import { createPoolGeometry } from "../../portset/pool-geometry.ts";
import type { FillOrder, PoolGeometry } from "../../portset/pool-geometry.ts";
import type { PortRange } from "../../portset/port-set.ts";
import { argumentsOf } from "../database/slices.ts";

/** A pool that is there, or was. */
export interface ArchivedPool {
  readonly id: number;
  readonly name: string;
  readonly kind: "shared" | "full";
  readonly domainId: number;
  readonly domain: string;
  readonly geometry: PoolGeometry;
  /** When it was deleted, in Unix seconds; null while it is there. */
  readonly retiredAt: number | null;
}

const geometryColumns = `first_address, last_address, psid_offset, psid_length, reserved_ports, fill`;

/** Pools that are there come first, then those that were deleted last. */
const allPools = `SELECT p.id, p.name, p.domain_id, d.name AS domain, ${geometryColumns}, NULL AS retired_at
  FROM pool p JOIN domain d ON d.id = p.domain_id
  UNION ALL
  SELECT id, name, domain_id, domain_name, ${geometryColumns}, retired_at FROM retired_pool`;
const order = `ORDER BY retired_at IS NOT NULL, retired_at DESC, domain_id, id`;

/**
 * Loads pools: all, or those that have or had an address.
 *
 * @throws {LibsqlError} When the database can't be reached.
 */
export async function loadPoolArchive(client: Client, address?: number): Promise<readonly ArchivedPool[]> {
  const sql =
    address === undefined
      ? `${allPools} ${order}`
      : `SELECT * FROM (${allPools}) WHERE first_address <= :address AND last_address >= :address ${order}`;
  const { rows } = await client.execute({
    sql,
    args: argumentsOf(sql, address === undefined ? {} : { address }),
  });
  return rows.map((row) => ({
    id: Number(row.id),
    name: row.name as string,
    kind: Number(row.psid_length) === 0 ? "full" : "shared",
    domainId: Number(row.domain_id),
    domain: row.domain as string,
    geometry: createPoolGeometry({
      firstAddress: Number(row.first_address),
      lastAddress: Number(row.last_address),
      psidOffset: Number(row.psid_offset),
      psidLength: Number(row.psid_length),
      reservedPorts: JSON.parse(row.reserved_ports as string) as PortRange[],
      fill: row.fill as FillOrder,
    }),
    retiredAt: row.retired_at === null ? null : Number(row.retired_at),
  }));
}
