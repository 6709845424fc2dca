/**
 * A compact table of the leases of many clients. A load fills it, and checks read it.
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
import type { TimedLease } from "./overlaps.ts";

/** A table of columns, with one row for each client. */
export interface LeaseTable {
  /** Number of the client in row 0; the other rows follow in order. */
  readonly firstClient: number;
  readonly clients: number;
  /** 1 if the client holds a lease, otherwise 0. */
  readonly isHeld: Uint8Array;
  readonly address: Uint32Array;
  /** The four octets of option 159 as the server sent them; 0 for a full address, because its PSID-length is 0. */
  readonly portParams: Uint32Array;
  readonly serverIdentifier: Uint32Array;
  /** Milliseconds on the clock of the load: from when until when the client certainly holds its lease. */
  readonly fromMs: Float64Array;
  readonly untilMs: Float64Array;
}

/** A lease with the number of its client. */
interface ClientLease extends TimedLease {
  readonly client: number;
}

/**
 * Creates a table in which no client holds a lease.
 *
 * @param firstClient Number of the first client.
 * @param clients Number of clients.
 */
export function createLeaseTable(firstClient: number, clients: number): LeaseTable {
  return {
    firstClient,
    clients,
    isHeld: new Uint8Array(clients),
    address: new Uint32Array(clients),
    portParams: new Uint32Array(clients),
    serverIdentifier: new Uint32Array(clients),
    fromMs: new Float64Array(clients),
    untilMs: new Float64Array(clients),
  };
}

/**
 * Stores what an ACK granted. It extends a lease that the client still has. If that lease has ended, it is a
 * new one, because another client may have held its ports since.
 *
 * @param lease.fromMs When the ACK arrived.
 * @param lease.untilMs When the lease ends.
 * @returns Whether the client had a lease of another pair.
 */
export function storeLease(
  table: LeaseTable,
  row: number,
  lease: PackedPair & { readonly fromMs: number; readonly untilMs: number },
): boolean {
  const { isHeld, address, portParams, serverIdentifier, fromMs, untilMs } = table;
  const hadLease = isHeld[row] === 1;
  const isSame = hadLease && address[row] === lease.address && portParams[row] === lease.portParams;
  const goesOn = isSame && untilMs[row]! >= lease.fromMs;
  if (!goesOn) fromMs[row] = lease.fromMs;
  untilMs[row] = goesOn ? Math.max(untilMs[row]!, lease.untilMs) : lease.untilMs;
  isHeld[row] = 1;
  address[row] = lease.address;
  portParams[row] = lease.portParams;
  serverIdentifier[row] = lease.serverIdentifier;
  return hadLease && !isSame;
}

/** @returns The last lease of each client that neither released it nor was refused, ordered by client number. */
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
      fromMs: table.fromMs[row]!,
      untilMs: table.untilMs[row]!,
    });
  }
  return leases;
}

/** @returns The rows whose clients hold a lease, in order. */
export function heldRowsOf({ clients, isHeld }: LeaseTable): Uint32Array {
  const rows = new Uint32Array(clients);
  let count = 0;
  for (let row = 0; row < clients; row++) if (isHeld[row] === 1) rows[count++] = row;
  return rows.subarray(0, count);
}

/** @returns The lease in a row, in the form that messages use. */
export function pairAt(leases: LeaseTable, row: number): PackedPair {
  return {
    address: leases.address[row]!,
    serverIdentifier: leases.serverIdentifier[row]!,
    portParams: leases.portParams[row]!,
  };
}
