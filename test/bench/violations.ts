/**
 * Checks the leases of a load for violations, independently of its speed.
 *
 * @module
 */
import { leasesOf } from "../../src/load/lease-table.ts";
import type { LoadResult } from "../../src/load/result.ts";
import { findOverlaps } from "../../src/load/overlaps.ts";
import { formatIPv4 } from "../../src/wire/ipv4-address.ts";

/**
 * Finds clients that share a port, renewals that were acknowledged with another pair, and clients without a lease.
 *
 * @param loads All loads on one database, with different clients.
 * @returns A sentence for each violation.
 */
export function violationsOf(loads: readonly Pick<LoadResult, "leases" | "counts">[]): string[] {
  const held = loads.flatMap(({ leases }) => leasesOf(leases));
  const violations = findOverlaps(held).map(
    ({ first, second, port }) =>
      `clients ${first.client} and ${second.client} both hold port ${port} of ${formatIPv4(first.address)}`,
  );
  const moved = loads.reduce((sum, { counts }) => sum + counts.moved, 0);
  if (moved > 0) violations.push(`${moved} renewals were acknowledged with another pair`);
  const clients = loads.reduce((sum, { leases }) => sum + leases.clients, 0);
  if (held.length < clients) violations.push(`${clients - held.length} of ${clients} clients hold no lease`);
  return violations;
}
