/**
 * Compares the rows of a database with those that its transactions left.
 *
 * @module
 */
import type { Cursors } from "./cursors.ts";
import { freeNever, isInUse, isOccupied, isRunning } from "./leases.ts";
import type { Leases } from "./leases.ts";
import { poolIdOf } from "./pools.ts";
import type { OraclePool } from "./pools.ts";
import type { LeaseRow } from "./rows.ts";
import { must } from "./violation.ts";

/** What a judge knows. */
export interface AuditGround {
  readonly leases: Leases;
  readonly pools: readonly OraclePool[];
  readonly cursors: Cursors;
}

/** Compares all rows with those that the judge knows, and the cursor and counts of each pool with them. */
export function auditRows(
  { leases, pools, cursors: known }: AuditGround,
  rows: readonly LeaseRow[],
  cursors: ReadonlyMap<number, number>,
  clockMs: number,
): void {
  const now = Math.floor(clockMs / 1000);
  must(rows.length === leases.rows.size, "rows are not those that transactions left", rows.length);
  for (const row of rows) {
    const known = leases.rows.get(row.slot);
    must(
      JSON.stringify(known) === JSON.stringify(row),
      "a row is not as its transaction left it",
      row,
      known,
    );
  }
  const used = rows.filter((row) => isInUse(row, now));
  const holders = used.map(({ domainId, client, line }) => `${domainId} ${client} ${line}`);
  must(new Set(holders).size === holders.length, "a client has two leases", holders);
  for (const pool of pools) {
    const ofPool = rows.filter(({ slot }) => poolIdOf(slot) === pool.shape.id);
    const cursor = cursors.get(pool.shape.id) ?? 0;
    must(ofPool.length <= pool.slots, "a pool has more rows than slots", pool.shape);
    known.check(pool, cursor, leases.rows);
  }
}

/** @returns How many slots of each state a pool has. */
export function countsOf(
  leases: Leases,
  pool: OraclePool,
  clockMs: number,
): Readonly<Record<string, number>> {
  const now = Math.floor(clockMs / 1000);
  const counts = { free: pool.slots, offered: 0, bound: 0, quarantined: 0, reserved: 0 };
  for (const row of leases.rows.values()) {
    if (poolIdOf(row.slot) !== pool.shape.id) continue;
    if (isRunning(row, now)) counts.bound++;
    else if (isInUse(row, now)) counts.offered++;
    else if (row.freeAt === freeNever) counts.reserved++;
    else if (isOccupied(row, now)) counts.quarantined++;
    else continue;
    counts.free--;
  }
  return counts;
}
