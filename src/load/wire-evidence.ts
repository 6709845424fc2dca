/**
 * Computes who certainly held what, and when, from the messages that clients received and sent, and from nothing else.
 *
 * A client holds its lease from the arrival of the ACK until {@link leaseEndMs}, counted from when it first sent its request.
 * A client's own leases follow each other in time, so leases that overlap belong to different clients.
 *
 * @module
 */
import { leaseEndMs } from "./answers.ts";
import { findOverlaps } from "./overlaps.ts";
import type { PortLease, TimedLease } from "./overlaps.ts";
import type { WireRecord } from "./wire-log.ts";

/** A lease as acknowledged to its client, with the time for which the client certainly held it. */
export interface AcknowledgedLease extends TimedLease {
  readonly client: string;
  untilMs: number;
}

/** What a wire log proves. */
export interface WireEvidence {
  /** Pairs of leases of different clients that certainly included the same port at the same time. */
  readonly conflicts: readonly { readonly first: AcknowledgedLease; readonly second: AcknowledgedLease }[];
  /** Running leases that the server took away with a NAK, or by granting the client other ports. */
  readonly broken: readonly { readonly lease: AcknowledgedLease; readonly atMs: number }[];
  /** The lease that each client held at the end of the log. A later database must have those that have not expired. */
  readonly held: readonly AcknowledgedLease[];
  readonly acks: number;
}

/** Collects evidence while the events happen. */
export interface WireWitness {
  /** Adds a record. Records come in the order in which the events happened. */
  readonly add: (record: WireRecord) => void;
  /**
   * Computes what the records so far prove, and forgets the leases that have ended. So its memory depends on the leases
   * between two calls and not on the length of the log. No exchange of a client may be in progress: a record that comes
   * later could still end a lease earlier.
   *
   * @param nowMs The time, in milliseconds since 1970.
   */
  readonly settle: (nowMs: number) => WireEvidence;
}

/** Creates a witness that has seen nothing. */
export function createWitness(): WireWitness {
  const open = new Map<string, AcknowledgedLease>();
  let leases: AcknowledgedLease[] = [];
  let broken: WireEvidence["broken"][number][] = [];
  let acks = 0;
  const end = (client: string, atMs: number): void => {
    const lease = open.get(client);
    if (lease === undefined) return;
    open.delete(client);
    lease.untilMs = Math.min(lease.untilMs, atMs);
  };
  /** The server decided before its message arrived at this time. A lease that ended earlier may have ended by then. */
  const endByServer = (client: string, sinceMs: number, atMs: number): void => {
    const lease = open.get(client);
    if (lease !== undefined && lease.untilMs > atMs) broken.push({ lease, atMs });
    end(client, sinceMs);
  };
  const acknowledge = (record: WireRecord & { readonly is: "ack" }): void => {
    acks++;
    const { client, at, sentAt, address, psidOffset, psidLength, psid, leaseSeconds } = record;
    const untilMs = leaseEndMs(sentAt, leaseSeconds);
    const before = open.get(client);
    // Between the end of a lease and the next ACK for the same ports, another client may have held them.
    if (before !== undefined && isSamePair(before, record)) {
      if (before.untilMs >= at) {
        before.untilMs = Math.max(before.untilMs, untilMs);
        return;
      }
    } else endByServer(client, sentAt, at);
    const lease = { client, address, psidOffset, psidLength, psid, fromMs: at, untilMs };
    open.set(client, lease);
    leases.push(lease);
  };
  return {
    add: (record) => {
      if (record.is === "ack") acknowledge(record);
      else if (record.is === "nak") endByServer(record.client, record.at, record.at);
      else end(record.client, record.at);
    },
    settle: (nowMs) => {
      const evidence = { conflicts: findOverlaps(leases), broken, held: [...open.values()], acks };
      for (const { client, untilMs } of evidence.held) if (untilMs <= nowMs) open.delete(client);
      leases = [...open.values()];
      broken = [];
      return evidence;
    },
  };
}

function isSamePair(a: PortLease, b: PortLease): boolean {
  return (
    a.address === b.address &&
    a.psidOffset === b.psidOffset &&
    a.psidLength === b.psidLength &&
    a.psid === b.psid
  );
}
