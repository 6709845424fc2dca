/**
 * Finds leases that share a port. An empty result proves that no two leases do (R7618-5-01).
 *
 * ```ts
 * import { findOverlaps } from "./overlaps.ts";
 *
 * const shared = { address: 0xc0000212, psidOffset: 0, psidLength: 6 };
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

/** Two leases with a port in common. */
interface Overlap<L extends PortLease> {
  readonly first: L;
  readonly second: L;
  /** A port that both leases include. */
  readonly port: number;
}

/**
 * Finds leases that share ports.
 *
 * It takes O(n log n) time for n leases if all leases of an address have the same offset and PSID-length, as RFC 7597
 * §5.1 expects. Otherwise n is the number of port ranges.
 *
 * @param leases Leases in any order, each of a different client.
 * @returns Pairs of leases that share a port. Every lease that shares a port occurs in a pair, but not every two such
 * leases form one: a thousand leases of the same ports give about a thousand pairs, not half a million. Empty when no
 * two leases share a port.
 * @throws {RangeError} When port parameters are out of range.
 */
export function findOverlaps<L extends PortLease>(leases: readonly L[]): Overlap<L>[] {
  const sorted = leases.toSorted(
    (a, b) =>
      a.address - b.address || a.psidOffset - b.psidOffset || a.psidLength - b.psidLength || a.psid - b.psid,
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

/** With one offset and PSID-length, two port sets are equal or disjoint, and equal ones are adjacent in sorted order. */
function findEqualSets<L extends PortLease>(sharers: readonly L[]): Overlap<L>[] {
  const overlaps: Overlap<L>[] = [];
  for (let index = 1; index < sharers.length; index++) {
    const [first, second] = [sharers[index - 1]!, sharers[index]!];
    if (first.psid === second.psid)
      overlaps.push({ first, second, port: portRanges(first, first.psid)[0]!.first });
  }
  return overlaps;
}

/**
 * Sweeps over all ranges in the order of their first ports. A range that begins before the furthest end so far overlaps
 * the range with that end.
 */
function findCommonRanges<L extends PortLease>(sharers: readonly L[]): Overlap<L>[] {
  const ranges: { readonly lease: L; readonly range: PortRange }[] = sharers
    .flatMap((lease) => portRanges(lease, lease.psid).map((range) => ({ lease, range })))
    .sort((a, b) => a.range.first - b.range.first);
  const named = new Set<L>();
  const overlaps: Overlap<L>[] = [];
  let furthest = ranges[0]!;
  for (const current of ranges.slice(1)) {
    if (current.range.first <= furthest.range.last) {
      // Two leases may overlap in thousands of ranges. Report a pair only if it includes a lease not yet reported.
      if (!named.has(furthest.lease) || !named.has(current.lease)) {
        overlaps.push({ first: furthest.lease, second: current.lease, port: current.range.first });
        named.add(furthest.lease).add(current.lease);
      }
    }
    if (current.range.last > furthest.range.last) furthest = current;
  }
  return overlaps;
}
