/**
 * A load of many clients: each obtains, renews or releases its lease over real UDP, so many exchanges at a time.
 *
 * ```ts
 * import { leaseLoad } from "./load.ts";
 * import { leasesOf } from "./lease-table.ts";
 * import { findOverlaps } from "./overlaps.ts";
 *
 * const result = await leaseLoad({ server: "::1", port: 8547, clients: 10_000, inFlight: 256 });
 * findOverlaps(leasesOf(result.leases)); // []
 * ```
 *
 * @module
 */
import { loadReleasePauseMs } from "../limits.ts";
import { encodeHex } from "../wire/hex.ts";
import { createLeaseTable, pairAt } from "./lease-table.ts";
import type { LeaseTable } from "./lease-table.ts";
import { Exchanges, phases } from "./exchanges.ts";
import type { Phase } from "./exchanges.ts";
import { queriesOf, settingsOf } from "./options.ts";
import type { LoadOptions, LoadSettings } from "./options.ts";
import { identifierOfClient } from "./queries.ts";
import type { LoadResult } from "./result.ts";
import { openSockets } from "./sockets.ts";
import type { Timing } from "../timing.ts";

/**
 * Lets clients obtain leases: DISCOVER, OFFER, REQUEST, ACK for each.
 *
 * @throws {RangeError} When the options are out of range.
 * @throws {Error} When there is no route to the server.
 */
export function leaseLoad(options: LoadOptions): Promise<LoadResult> {
  const settings = settingsOf(options);
  return runLoad(settings, createLeaseTable(settings.firstClient, settings.clients), phases.discovering);
}

/**
 * Lets clients renew what they hold; those without a lease are passed over.
 *
 * @param options Its clients are the table's.
 * @param leases Is written to: the result holds the same table.
 * @throws {RangeError} When the options are out of range.
 * @throws {Error} When there is no route to the server.
 */
export function renewLoad(
  options: Omit<LoadOptions, "clients" | "firstClient">,
  leases: LeaseTable,
): Promise<LoadResult> {
  const { clients, firstClient } = leases;
  return runLoad(settingsOf({ ...options, clients, firstClient }), leases, phases.requesting);
}

/**
 * Lets clients release what they hold, `inFlight` of them every 10 ms. No answer says whether a RELEASE arrived.
 *
 * @returns How many were sent; the table says of none that it is held.
 * @throws {RangeError} When the options are out of range.
 * @throws {Error} When there is no route to the server.
 */
export async function releaseLoad(
  options: Omit<LoadOptions, "clients" | "firstClient">,
  leases: LeaseTable,
): Promise<number> {
  const { clients, firstClient } = leases;
  const settings = settingsOf({ ...options, clients, firstClient });
  const queries = queriesOf(settings);
  const sockets = await openSockets(settings, ignore, ignore);
  let sent = 0;
  for (let row = 0; row < clients; row++) {
    if (leases.isHeld[row] === 0) continue;
    const client = encodeHex(identifierOfClient(firstClient + row));
    settings.wireLog?.({ is: "release", client, at: Date.now() });
    // The system may still hold the octets of the messages before: each has its own.
    const octets = new Uint8Array(queries.octetsMax);
    const length = queries.release(octets, firstClient + row, row, pairAt(leases, row));
    sockets.send(sent, octets, 0, length);
    leases.isHeld[row] = 0;
    sent++;
    if (sent % settings.inFlight === 0) await pause(settings.timing, loadReleasePauseMs);
  }
  await pause(settings.timing, loadReleasePauseMs);
  sockets.close();
  return sent;
}

function ignore(): void {
  // What comes back for a RELEASE, or from its socket, changes nothing.
}

function pause({ later }: Timing, ms: number): Promise<void> {
  return new Promise((resolve) => {
    later(resolve, ms);
  });
}

async function runLoad(settings: LoadSettings, leases: LeaseTable, firstPhase: Phase): Promise<LoadResult> {
  const load = new Exchanges(settings, leases, firstPhase);
  const sockets = await openSockets(settings, load.onDatagram, load.onSocketError);
  try {
    return await load.run(sockets);
  } finally {
    sockets.close();
  }
}
