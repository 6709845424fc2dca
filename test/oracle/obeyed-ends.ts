/**
 * Messages that give a pair up must be obeyed: a lease that is kept although its client released it is lost to all
 * others until it expires.
 *
 * @module
 */
import { isInRange } from "../../src/lease/claim.ts";
import type { Claim, EndClaim } from "../../src/lease/claim.ts";
import { bound, isInUse, offered } from "./leases.ts";
import type { Leases } from "./leases.ts";
import type { LeaseRow } from "./rows.ts";

/** The clock of the database when the rows are as they are, and a time before the messages arrived, in milliseconds. */
export interface EndTimes {
  readonly clockMs: number;
  /** Undefined if the batch states none. */
  readonly received: number | undefined;
}

/** An operator's change is dated to the second. */
const roundedMs = 1000;

/**
 * @returns Rows that a transaction has to end, by what they are before it. A client with several rows is left out, because
 *   its lines decide which one is meant.
 */
export function rowsToEnd(leases: Leases, claims: readonly Claim[], times: EndTimes): readonly LeaseRow[] {
  return claims.flatMap((claim) => {
    if (claim.kind !== "end") return [];
    const rows = leases.ofClient(claim.domainId, claim.clientId);
    return rows.length === 1 && hasToEnd(rows[0]!, claim, leases, times) ? rows : [];
  });
}

function hasToEnd(
  row: LeaseRow,
  { slots, line, as }: EndClaim,
  leases: Leases,
  { clockMs, received }: EndTimes,
): boolean {
  const isOwn = line === "" || row.line === "" || row.line === line;
  const isNamed = slots === null || isInRange(slots, row.slot);
  const isMeant = as === "withdrawn" ? row.state === offered : row.state <= bound;
  const changed = leases.versions(row.slot, Infinity).at(-1);
  const isOlder =
    received === undefined || (changed !== undefined && changed.clockMs + roundedMs <= received);
  return isOwn && isNamed && isMeant && isOlder && isInUse(row, Math.floor(clockMs / 1000));
}
