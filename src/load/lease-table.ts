/**
 * The leases of many clients in a few octets each: what a load collects, and what a check of it reads.
 *
 * ```ts
 * import { createLeaseTable, leasesOf } from "./lease-table.ts";
 * import { findOverlaps } from "./overlaps.ts";
 *
 * const table = createLeaseTable(0, 100_000);
 * findOverlaps(leasesOf(table));
 * ```
 *
 * @module
 */
import { decodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { writeUint32 } from "../wire/octets.ts";
import type { PackedPair } from "./queries.ts";
import type { PortLease } from "./overlaps.ts";

/** Columns of as many rows as there are clients. */
export interface LeaseTable {
  /** Number of the client of row 0; the others follow. */
  readonly firstClient: number;
  readonly clients: number;
  /** 1 where the client holds a lease. */
  readonly isHeld: Uint8Array;
  readonly address: Uint32Array;
  /** The four octets of option 159 as the server sent them; 0 for a full address, as PSID-length 0 means just that. */
  readonly portParams: Uint32Array;
  readonly serverIdentifier: Uint32Array;
}

/** A lease and the number of its client. */
interface ClientLease extends PortLease {
  readonly client: number;
}

/** Creates a table in which nobody holds a lease. */
export function createLeaseTable(firstClient: number, clients: number): LeaseTable {
  return {
    firstClient,
    clients,
    isHeld: new Uint8Array(clients),
    address: new Uint32Array(clients),
    portParams: new Uint32Array(clients),
    serverIdentifier: new Uint32Array(clients),
  };
}

/** @returns The leases that are held, in the order of their clients. */
export function leasesOf(table: LeaseTable): ClientLease[] {
  const leases: ClientLease[] = [];
  const data = new Uint8Array(4);
  for (let row = 0; row < table.clients; row++) {
    if (table.isHeld[row] === 0) continue;
    writeUint32(data, 0, table.portParams[row]!);
    leases.push({
      client: table.firstClient + row,
      address: table.address[row]!,
      ...decodePortParams(data),
    });
  }
  return leases;
}

/** @returns What the client of a row holds, as a message names it. */
export function pairAt(leases: LeaseTable, row: number): PackedPair {
  return {
    address: leases.address[row]!,
    serverIdentifier: leases.serverIdentifier[row]!,
    portParams: leases.portParams[row]!,
  };
}
