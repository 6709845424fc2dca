/**
 * The result of a load.
 *
 * @module
 */
import type { LatencySummary } from "./latencies.ts";
import type { LeaseTable } from "./lease-table.ts";

/**
 * Why a load ended before all its exchanges did:
 *
 * - `time-limit`: `durationMsMax` passed.
 * - `given-up`: `onProgress` returned false.
 * - `stopped`: `stop` was aborted.
 * - `no-leases`: no client was left that has a lease to renew.
 */
export type EarlyEnd = "time-limit" | "given-up" | "stopped" | "no-leases";

/** Result of a load. */
export interface LoadResult {
  readonly leases: LeaseTable;
  readonly elapsedMs: number;
  readonly endedEarly: EarlyEnd | undefined;
  /** From DISCOVER to OFFER. */
  readonly offer: LatencySummary;
  /** From REQUEST to ACK. */
  readonly ack: LatencySummary;
  /** From the first message of an exchange to its ACK. */
  readonly exchange: LatencySummary;
  readonly counts: LoadCounts;
}

/** Event counts of a load. */
export interface LoadCounts {
  /** Retransmitted messages. */
  retransmits: number;
  /** Exchanges that a NAK ended. */
  naks: number;
  /** Exchanges that got no answer to any of their transmissions. */
  timeouts: number;
  /** Those of them whose DISCOVER got no OFFER; the others are without an ACK. */
  withoutOffer: number;
  /** Clients that had not finished, or not even started, when the load ended. */
  unfinished: number;
  /** Datagrams that answered no exchange: late, repeated, for another client, or malformed. */
  ignored: number;
  /** Renewals that were acknowledged with a different pair, which is a server fault. */
  moved: number;
  /** Datagrams that were lost on purpose. */
  lost: number;
  /** Socket errors, for example because the port is closed. */
  socketErrors: number;
}

/** @returns The counts of a load that has not begun. */
export function createLoadCounts(): LoadCounts {
  return {
    retransmits: 0,
    naks: 0,
    timeouts: 0,
    withoutOffer: 0,
    unfinished: 0,
    ignored: 0,
    moved: 0,
    lost: 0,
    socketErrors: 0,
  };
}
