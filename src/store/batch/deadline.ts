/**
 * The deadlines of a batch, by the clock of the database. A relay, an allocator or a server that is overloaded, or was
 * away for a while, may come to a message long after it was sent. Acting on it then would be wrong: a late DHCPRELEASE
 * would end the lease that its client has been given since, and work that nobody waits for any more would delay the work
 * that somebody does.
 *
 * So a batch states until when it is wanted, and a time before which none of its messages had come: they end nothing that
 * was changed after that time. The clock is known from the previous answer (`clock.ts`).
 *
 * @module
 */
import { sameBatchMsMax } from "../../limits.ts";
import { earliestClockMs, latestClockMs } from "./clock.ts";
import type { ClockReading } from "./clock.ts";

/**
 * Works out until when a batch is wanted.
 *
 * It is later than the sender waits by about as long as the last batch took, and less than a second; never earlier.
 *
 * @param sentMs When the batch is sent, by the local clock of the reading.
 * @param waitMs How long its sender waits.
 * @returns Unix seconds by the clock of the database, the last that are good.
 */
export function wantedUntil(reading: ClockReading, sentMs: number, waitMs: number): number {
  return Math.floor(latestClockMs(reading, sentMs + waitMs) / 1000);
}

/**
 * Works out by the database's clock when the messages of a batch had certainly not come yet.
 *
 * It is earlier than they came by about as long as an answer of the database takes; a client that gives back what it got
 * has waited for such an answer. What was changed in the same millisecond counts as before.
 *
 * @param receivedMs When the oldest of them came, by the local clock of the reading.
 * @returns Milliseconds of Unix time by the clock of the database.
 */
export function receivedAt(reading: ClockReading, receivedMs: number): number {
  return earliestClockMs(reading, receivedMs);
}

/**
 * The same for those messages of the batch that are left after a round of it. A client's messages of one batch are in
 * their order, so what the round did came before them: a REQUEST and the RELEASE after it. But when the round was late,
 * what it found may be what the client got meanwhile, and stays.
 *
 * @param received What {@link receivedAt}, or this, said for the round.
 * @param clockMs The database's clock when the round was done.
 */
export function receivedAfterRound(received: number, clockMs: number): number {
  return clockMs - received <= sameBatchMsMax ? Math.max(received, clockMs) : received;
}
