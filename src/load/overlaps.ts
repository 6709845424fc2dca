/**
 * The proof that no two leases share a port (R7618-5-01): finds those that do.
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

/** The ports that a lease is for. */
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
  /** A port that both have. */
  readonly port: number;
}

/**
 * Finds leases that share ports. Takes O(n log n) for n leases when, as RFC 7597 §5.1 wants it, all sharers of an
 * address have the same offset and PSID-length; otherwise n is the number of port ranges.
 *
 * @param leases In any order; each is one client's.
 * @returns Pairs that name every lease with a port that another has, but not every pair of them: a thousand leases
 * of the same ports are a thousand pairs, not half a million. Empty: no two leases share a port.
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
    for (const overlap of haveOneDivision(sharers) ? sameSets(sharers) : commonRanges(sharers)) {
      overlaps.push(overlap);
    }
    start = end;
  }
  return overlaps;
}

/** Whether the ports of an address are divided in one way: its leases are sorted, so the ends tell. */
function haveOneDivision(sharers: readonly PortLease[]): boolean {
  const [first, last] = [sharers[0]!, sharers.at(-1)!];
  return first.psidOffset === last.psidOffset && first.psidLength === last.psidLength;
}

/** In one division, sets are the same or disjoint, and the same ones are neighbours. */
function sameSets<L extends PortLease>(sharers: readonly L[]): Overlap<L>[] {
  const overlaps: Overlap<L>[] = [];
  for (let index = 1; index < sharers.length; index++) {
    const [first, second] = [sharers[index - 1]!, sharers[index]!];
    if (first.psid === second.psid)
      overlaps.push({ first, second, port: portRanges(first, first.psid)[0]!.first });
  }
  return overlaps;
}

/** A sweep over all ranges by their first port. A range that begins before the furthest end so far overlaps its owner. */
function commonRanges<L extends PortLease>(sharers: readonly L[]): Overlap<L>[] {
  const ranges: { readonly lease: L; readonly range: PortRange }[] = sharers
    .flatMap((lease) => portRanges(lease, lease.psid).map((range) => ({ lease, range })))
    .sort((a, b) => a.range.first - b.range.first);
  const named = new Set<L>();
  const overlaps: Overlap<L>[] = [];
  let furthest = ranges[0]!;
  for (const current of ranges.slice(1)) {
    if (current.range.first <= furthest.range.last) {
      // Two leases may meet in thousands of ranges; a pair that names nobody new says nothing new.
      if (!named.has(furthest.lease) || !named.has(current.lease)) {
        overlaps.push({ first: furthest.lease, second: current.lease, port: current.range.first });
        named.add(furthest.lease).add(current.lease);
      }
    }
    if (current.range.last > furthest.range.last) furthest = current;
  }
  return overlaps;
}
