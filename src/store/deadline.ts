/**
 * Until when a batch may be served. A server that is overloaded, or was stopped for a while, may come to a batch long
 * after its sender has given up. What it did then would be late: a DHCPRELEASE would end the lease that its client has
 * got meanwhile; and an allocator's second try would wait behind all the work that nobody wants any more.
 *
 * So a batch says by the server's own clock until when it is wanted. That clock is known from the answer before.
 *
 * @module
 */

/** What a database said of its clock. */
export interface ClockReading {
  /** Unix seconds, by the clock of the database. */
  readonly now: number;
  /** When it was asked, in milliseconds of any clock here that goes forward. */
  readonly askedMs: number;
}

/**
 * Works out until when a batch is wanted.
 *
 * The database read its clock after it was asked, and cut off less than a second: so at `askedMs` it showed less than
 * `now + 1`. The answer is never too early; it is later than the sender waits by about as long as the last batch took,
 * and a second.
 *
 * @param sentMs When the batch is sent, by the clock of the reading.
 * @param waitMs How long its sender waits.
 * @returns Unix seconds by the clock of the database, the last that are good.
 */
export function wantedUntil({ now, askedMs }: ClockReading, sentMs: number, waitMs: number): number {
  return Math.floor(now + 1 + (sentMs - askedMs + waitMs) / 1000);
}
