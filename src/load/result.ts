/**
 * What came of a load.
 *
 * @module
 */
import type { LatencySummary } from "./latencies.ts";
import type { LeaseTable } from "./lease-table.ts";

/** What came of a load. */
export interface LoadResult {
  readonly leases: LeaseTable;
  readonly elapsedMs: number;
  /** From DISCOVER to OFFER. */
  readonly offer: LatencySummary;
  /** From REQUEST to ACK. */
  readonly ack: LatencySummary;
  /** From the first message of an exchange to its ACK. */
  readonly exchange: LatencySummary;
  readonly counts: LoadCounts;
}

/** How often things happened. */
export interface LoadCounts {
  /** Messages that were sent again. */
  retransmits: number;
  /** Exchanges that a NAK ended. */
  naks: number;
  /** Exchanges that got no answer to all their tries. */
  timeouts: number;
  /** Clients that had no end, or no beginning, when the time was over. */
  unfinished: number;
  /** Datagrams that answered nothing: late, repeated, of another client, or malformed. */
  ignored: number;
  /** Renewals that were acknowledged with another pair than the client's: a fault of the server. */
  moved: number;
  /** Complaints of the sockets, such as that nobody listens on the port. */
  socketErrors: number;
}
