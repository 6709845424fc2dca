/**
 * Load generator: many clients obtain, renew or release their leases over real UDP, with a fixed number of exchanges in
 * flight.
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
import { createLeaseTable, heldRowsOf, pairAt } from "./lease-table.ts";
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
 * @param options Target, number of clients, and timing.
 * @returns Counts, latencies and the leases that the clients hold.
 * @throws {RangeError} When the options are out of range.
 * @throws {Error} When there is no route to the server.
 */
export function leaseLoad(options: LoadOptions): Promise<LoadResult> {
  const settings = settingsOf(options);
  return runLoad(settings, createLeaseTable(settings.firstClient, settings.clients), phases.discovering);
}

/**
 * Lets clients renew their leases. Clients without a lease are skipped.
 *
 * @param options Target and timing. The clients are those of the table.
 * @param leases The leases to renew. The function updates the table, and the result refers to it.
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
 * Lets clients release their leases, `inFlight` of them every 10 ms, or fewer if `perSecond` says so. A RELEASE is not
 * answered, so the function cannot tell whether it arrived.
 *
 * @param options Target and timing. The clients are those of the table.
 * @param leases The leases to release. Afterwards those that were released are no longer marked as held.
 * @returns The number of RELEASEs sent.
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
  const { timing, inFlight, perSecond = Infinity, stop } = settings;
  const startMs = timing.nowMs();
  let sent = 0;
  for (const row of heldRowsOf(leases)) {
    if (stop?.aborted === true) break;
    const client = encodeHex(identifierOfClient(firstClient + row));
    settings.wireLog?.({ is: "release", client, at: Date.now() });
    // The operating system may not have sent the previous messages yet, so each one gets its own octets.
    const octets = new Uint8Array(queries.octetsMax);
    const length = queries.release(octets, firstClient + row, row, pairAt(leases, row));
    sockets.send(sent, octets, 0, length);
    leases.isHeld[row] = 0;
    sent++;
    const earlyMs = startMs + (sent * 1000) / perSecond - timing.nowMs();
    const pauseMs = Math.max(sent % inFlight === 0 ? loadReleasePauseMs : 0, earlyMs);
    if (pauseMs > 0) await pause(timing, pauseMs, stop);
  }
  await pause(timing, loadReleasePauseMs);
  sockets.close();
  return sent;
}

function ignore(): void {
  // Datagrams and socket errors after a RELEASE have no effect.
}

function pause({ later }: Timing, ms: number, stop?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      stop?.removeEventListener("abort", end);
      resolve();
    };
    const cancel = later(end, ms);
    stop?.addEventListener("abort", end);
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
