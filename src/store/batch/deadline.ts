/**
 * The deadlines of a batch, by the clock of the database. A relay, an allocator or a server that is overloaded or was
 * stopped may process a message long after it was sent. That would be wrong: a late DHCPRELEASE would end the lease
 * that its client has got since, and batches that no sender waits for would delay others.
 *
 * So a batch has a deadline, after which it changes nothing. It also has a time before any of its messages arrived: no
 * message ends a lease that changed after this time. The database's clock is known from the previous answer (`clock.ts`).
 *
 * @module
 */
import { earliestClockMs, latestClockMs } from "../../clock-reading.ts";
import type { ClockReading } from "../../clock-reading.ts";
import { clockDriftRatioMax } from "../../limits.ts";

/** When the oldest message of a batch arrived, as its sender and this allocator know it. */
export interface Arrival {
  /** By the local clock of the allocator: what it read less the age that the relay states. */
  readonly receivedMs: number;
  /**
   * By the clock of the main database, as the relay states it: Unix milliseconds, not later than the arrival. It also
   * covers the time between relay and allocator, which neither side can measure alone. Older relays omit it.
   */
  readonly clockMs?: number | undefined;
}

/**
 * Computes the deadline of a batch.
 *
 * The result is never earlier than the end of the sender's wait. It is later by less than a second, about the round trip
 * of the reading, and what the clocks may have drifted apart since.
 *
 * @param sentMs When the batch is sent, by the local clock of the reading.
 * @param waitMs How long its sender waits for the answer, in milliseconds.
 * @returns The last Unix second, by the clock of the database, at which the sender still waits.
 */
export function wantedUntil(reading: ClockReading, sentMs: number, waitMs: number): number {
  return Math.floor(latestClockMs(reading, sentMs + waitMs, clockDriftRatioMax) / 1000);
}

/**
 * Returns a time, by the database's clock, before any message of the batch arrived.
 *
 * It is earlier than their arrival by at most about the round trip of the reading, and what the clocks may have drifted
 * apart since. The round trip does no harm to a client that releases a new lease, because it has waited for an answer of
 * the database too. If that answer came through this allocator, it was a reading, so no time has passed for a drift. A
 * change in the same millisecond counts as earlier.
 *
 * @param arrival The earlier of its two statements counts.
 * @returns Milliseconds of Unix time by the clock of the database.
 */
export function receivedAt(reading: ClockReading, { receivedMs, clockMs = Infinity }: Arrival): number {
  return Math.min(earliestClockMs(reading, receivedMs, clockDriftRatioMax), clockMs);
}
