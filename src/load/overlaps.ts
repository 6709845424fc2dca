/**
 * Finds leases that share a port at the same time. An empty result proves that no two leases do (R7618-5-01).
 *
 * ```ts
 * import { findOverlaps } from "./overlaps.ts";
 *
 * const shared = { address: 0xc0000212, psidOffset: 0, psidLength: 6, fromMs: 0, untilMs: 60_000 };
 * findOverlaps([{ ...shared, psid: 18 }, { ...shared, psid: 19 }]); // []
 * ```
 *
 * @module
 */
import { portRanges } from "../portset/port-set.ts";
import type { PortRange } from "../portset/port-set.ts";

/** The ports of a lease. */
export interface PortLease {
  /** Unsigned 32 bits. */
  readonly address: number;
  readonly psidOffset: number;
  /** 0 for a full address. */
  readonly psidLength: number;
  readonly psid: number;
}

/** A lease, and the time in which a client holds it. All leases that are compared have their times of one clock. */
export interface TimedLease extends PortLease {
  readonly fromMs: number;
  /** The end, which is not part of the lease. */
  readonly untilMs: number;
}

/** Two leases with a port and a moment in common. */
interface Overlap<L extends TimedLease> {
  /** The one that began earlier. */
  readonly first: L;
  readonly second: L;
  /** A port that both leases include. */
  readonly port: number;
}

/**
 * Finds leases that share ports at the same time.
 *
 * It takes O(n log n) time for n leases if all leases of an address have the same offset and PSID-length, as RFC 7597
 * §5.1 expects. Otherwise n is the number of port ranges, and those of one address that have a port in common are compared
 * with each other, even if they were leased one after another.
 *
 * @param leases Leases in any order, each of a different client.
 * @returns Pairs of leases that share a port. Every lease that shares a port occurs in a pair, but not every two such
 * leases form one: a thousand leases of the same ports give about a thousand pairs, not half a million. Empty when no
 * two leases share a port.
 * @throws {RangeError} When port parameters are out of range.
 */
export function findOverlaps<L extends TimedLease>(leases: readonly L[]): Overlap<L>[] {
  const sorted = leases
    .filter(({ fromMs, untilMs }) => fromMs < untilMs)
    .sort(
      (a, b) =>
        a.address - b.address ||
        a.psidOffset - b.psidOffset ||
        a.psidLength - b.psidLength ||
        a.psid - b.psid ||
        a.fromMs - b.fromMs,
    );
  const overlaps: Overlap<L>[] = [];
  let start = 0;
  while (start < sorted.length) {
    const { address } = sorted[start]!;
    let end = start + 1;
    while (end < sorted.length && sorted[end]!.address === address) end++;
    const sharers = sorted.slice(start, end);
    for (const overlap of haveEqualDivision(sharers) ? findEqualSets(sharers) : findCommonRanges(sharers)) {
      overlaps.push(overlap);
    }
    start = end;
  }
  return overlaps;
}

/**
 * Whether all leases of an address have the same offset and PSID-length. The leases are sorted, so it suffices to
 * compare the first with the last.
 */
function haveEqualDivision(sharers: readonly PortLease[]): boolean {
  const [first, last] = [sharers[0]!, sharers.at(-1)!];
  return first.psidOffset === last.psidOffset && first.psidLength === last.psidLength;
}

/**
 * With one offset and PSID-length, two port sets are equal or disjoint. The leases are sorted by PSID and then by time, so
 * each is compared with the earlier one of its PSID that lasts longest.
 */
function findEqualSets<L extends TimedLease>(sharers: readonly L[]): Overlap<L>[] {
  const overlaps: Overlap<L>[] = [];
  let longest = sharers[0]!;
  for (const next of sharers.slice(1)) {
    const isEqual = next.psid === longest.psid;
    if (isEqual && next.fromMs < longest.untilMs)
      overlaps.push({ first: longest, second: next, port: portRanges(next, next.psid)[0]!.first });
    if (!isEqual || next.untilMs > longest.untilMs) longest = next;
  }
  return overlaps;
}

/**
 * Sweeps over all ranges in the order of their first ports, and compares each with those before it that have not ended.
 */
function findCommonRanges<L extends TimedLease>(sharers: readonly L[]): Overlap<L>[] {
  const ranges: { readonly lease: L; readonly range: PortRange }[] = sharers
    .flatMap((lease) => portRanges(lease, lease.psid).map((range) => ({ lease, range })))
    .sort((a, b) => a.range.first - b.range.first);
  const named = new Set<L>();
  const overlaps: Overlap<L>[] = [];
  let open: typeof ranges = [];
  for (const current of ranges) {
    const port = current.range.first;
    open = open.filter(({ range }) => range.last >= port);
    for (const { lease } of open) {
      // Two leases may overlap in thousands of ranges. Report a pair only if it includes a lease not yet reported.
      if (named.has(lease) && named.has(current.lease)) continue;
      if (!areSimultaneous(lease, current.lease)) continue;
      const [first, second] =
        current.lease.fromMs < lease.fromMs ? [current.lease, lease] : [lease, current.lease];
      overlaps.push({ first, second, port });
      named.add(first).add(second);
    }
    open.push(current);
  }
  return overlaps;
}

const areSimultaneous = (a: TimedLease, b: TimedLease): boolean =>
  a.fromMs < b.untilMs && b.fromMs < a.untilMs;
