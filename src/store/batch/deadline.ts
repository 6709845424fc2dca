/**
 * The deadlines of a batch, by the clock of the database. A relay, an allocator or a server that is overloaded, or was
 * away for a while, may handle a message long after it was sent. Acting on it then would be wrong: a late DHCPRELEASE
 * would end the lease that its client has been given since, and work whose sender has stopped waiting would delay work
 * that is still wanted.
 *
 * So a batch states until when it is wanted, and a time before any of its messages arrived: they do not end a lease
 * that changed after that time. The clock is known from the previous answer (`clock.ts`).
 *
 * @module
 */
import { earliestClockMs, latestClockMs } from "../../clock-reading.ts";
import type { ClockReading } from "../../clock-reading.ts";
import { sameBatchMsMax } from "../../limits.ts";

/** When the oldest message of a batch arrived, as its sender and this allocator know it. */
export interface Arrival {
  /** By the local clock of the allocator: what it read less the age that the relay states. */
  readonly receivedMs: number;
  /**
   * By the clock of the main database, as the relay states it: Unix milliseconds, not later than the arrival. It also
   * covers the time between relay and allocator, which nobody can measure on one side. Older relays omit it.
   */
  readonly clockMs?: number | undefined;
}

/**
 * Works out until when a batch is wanted.
 *
 * The result is never earlier than the end of the sender's wait. It is later by at most about the duration of the last
 * batch, plus less than a second.
 *
 * @param sentMs When the batch is sent, by the local clock of the reading.
 * @param waitMs How long its sender waits, in milliseconds.
 * @returns The last Unix second, by the clock of the database, at which the batch is still wanted.
 */
export function wantedUntil(reading: ClockReading, sentMs: number, waitMs: number): number {
  return Math.floor(latestClockMs(reading, sentMs + waitMs) / 1000);
}

/**
 * Returns a time, by the database's clock, at which none of the batch's messages had arrived yet.
 *
 * It is earlier than their arrival by about the time that the database takes to answer. A client that gives back what
 * it got has waited for such an answer. A change in the same millisecond counts as earlier.
 *
 * @param arrival The earlier of its two statements counts.
 * @returns Milliseconds of Unix time by the clock of the database.
 */
export function receivedAt(reading: ClockReading, { receivedMs, clockMs = Infinity }: Arrival): number {
  return Math.min(earliestClockMs(reading, receivedMs), clockMs);
}

/**
 * Returns the same time for the messages that are left after a round of the batch. A client's messages stay in order
 * within a batch, so the changes of the round came before them: for example a REQUEST and the RELEASE after it. But if
 * the round was late, the client may have been given its lease meanwhile, and that lease must stay.
 *
 * @param received The result of {@link receivedAt}, or of this function, for the round.
 * @param clockMs The database's clock when the round was done.
 */
export function receivedAfterRound(received: number, clockMs: number): number {
  return clockMs - received <= sameBatchMsMax ? Math.max(received, clockMs) : received;
}
