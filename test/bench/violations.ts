/**
 * What a load must not find, however fast it was.
 *
 * @module
 */
import { leasesOf } from "../../src/load/lease-table.ts";
import type { LoadResult } from "../../src/load/result.ts";
import { findOverlaps } from "../../src/load/overlaps.ts";
import { formatIPv4 } from "../../src/wire/ipv4-address.ts";

/**
 * Looks for two clients with a port in common, for a lease that moved when it was renewed, and for clients that were
 * left without a lease.
 *
 * @param loads All loads on one database, each of other clients.
 * @returns One line for each; empty when all is well.
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
