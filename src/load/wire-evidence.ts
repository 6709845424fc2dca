/**
 * Computes who certainly held what, and when, from the messages that clients received and sent, and from nothing else.
 *
 * A client holds its lease from the arrival of the ACK. The server cannot have decided before the client first sent its
 * request, so the lease lasts at least its lease time from then. One second is subtracted, because the database counts
 * whole seconds.
 *
 * @module
 */
import { groupBy } from "../group-by.ts";
import { portRanges } from "../portset/port-set.ts";
import type { PortLease } from "./overlaps.ts";
import type { WireRecord } from "./wire-log.ts";

/** A lease as acknowledged to its client, with the time for which the client certainly held it. */
export interface AcknowledgedLease extends PortLease {
  readonly client: string;
  readonly fromMs: number;
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

/**
 * Computes what a wire log proves.
 *
 * @param records Records in the order in which the events happened.
 */
export function readEvidence(records: Iterable<WireRecord>): WireEvidence {
  const open = new Map<string, AcknowledgedLease>();
  const leases: AcknowledgedLease[] = [];
  const broken: { readonly lease: AcknowledgedLease; readonly atMs: number }[] = [];
  let acks = 0;
  const end = (client: string, atMs: number, isBreach: boolean): void => {
    const lease = open.get(client);
    if (lease === undefined) return;
    open.delete(client);
    if (isBreach && lease.untilMs > atMs) broken.push({ lease, atMs });
    lease.untilMs = Math.min(lease.untilMs, atMs);
  };
  for (const record of records) {
    if (record.is !== "ack") {
      end(record.client, record.at, record.is === "nak");
      continue;
    }
    acks++;
    const { client, at, sentAt, address, psidOffset, psidLength, psid, leaseSeconds } = record;
    const untilMs = sentAt + (leaseSeconds - 1) * 1000;
    const before = open.get(client);
    if (before !== undefined && isSamePair(before, record)) {
      before.untilMs = Math.max(before.untilMs, untilMs);
      continue;
    }
    end(client, sentAt, true);
    const lease = { client, address, psidOffset, psidLength, psid, fromMs: at, untilMs };
    open.set(client, lease);
    leases.push(lease);
  }
  return { conflicts: findConflicts(leases), broken, held: [...open.values()], acks };
}

function isSamePair(a: PortLease, b: PortLease): boolean {
  return (
    a.address === b.address &&
    a.psidOffset === b.psidOffset &&
    a.psidLength === b.psidLength &&
    a.psid === b.psid
  );
}

type Conflict = WireEvidence["conflicts"][number];

function findConflicts(leases: readonly AcknowledgedLease[]): Conflict[] {
  const byAddress = groupBy(leases, ({ address }) => address);
  return [...byAddress.values()].flatMap((sharers) => {
    const divisions = new Set(sharers.map(({ psidOffset, psidLength }) => `${psidOffset} ${psidLength}`));
    if (divisions.size > 1) return findPairwiseConflicts(sharers);
    return [...groupBy(sharers, ({ psid }) => psid).values()].flatMap(findTimeConflicts);
  });
}

/** Compares each lease of the same ports with the earlier one that lasts longest. */
function findTimeConflicts(leases: readonly AcknowledgedLease[]): Conflict[] {
  const [earliest, ...others] = leases.toSorted((a, b) => a.fromMs - b.fromMs);
  const conflicts: Conflict[] = [];
  let longest = earliest!;
  for (const next of others) {
    if (next.fromMs < longest.untilMs && next.client !== longest.client) {
      conflicts.push({ first: longest, second: next });
    }
    if (next.untilMs > longest.untilMs) longest = next;
  }
  return conflicts;
}

/** Compares every two leases of an address. Needed when PSID-lengths or offsets differ, contrary to RFC 7597 §5.1. */
function findPairwiseConflicts(leases: readonly AcknowledgedLease[]): Conflict[] {
  const sorted = leases.toSorted((a, b) => a.fromMs - b.fromMs);
  return sorted.flatMap((first, index) =>
    sorted
      .slice(index + 1)
      .filter(
        (second) =>
          second.fromMs < first.untilMs && second.client !== first.client && sharePorts(first, second),
      )
      .map((second) => ({ first, second })),
  );
}

function sharePorts(a: AcknowledgedLease, b: AcknowledgedLease): boolean {
  const ranges = portRanges(b, b.psid);
  return portRanges(a, a.psid).some((one) =>
    ranges.some((other) => one.first <= other.last && other.first <= one.last),
  );
}
