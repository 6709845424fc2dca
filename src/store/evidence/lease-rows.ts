/**
 * Rows of `lease`, in the format for operators.
 *
 * @module
 */
import type { SQL } from "drizzle-orm";
import { freeNever, lease } from "../database/schema.ts";
import { movesFrom, movesTo } from "../database/moves.ts";
import type { RowOf } from "../database/selection.ts";
import { slotStateAt } from "./slot-state.ts";
import type { SlotState } from "./slot-state.ts";

/** A row of `lease` as of a time. Times are Unix seconds. */
export interface LeaseRecord {
  readonly slot: number;
  readonly domainId: number;
  /** Null after the client moved to another slot or declined this one, or after its tenure was purged. */
  readonly clientId: Uint8Array | null;
  readonly state: SlotState;
  /** Whether the slot is reserved for this client. */
  readonly isReserved: boolean;
  readonly expiresAt: number;
  readonly freeAt: number;
  /** Start of the tenure; null if the row has none. */
  readonly since: number | null;
  readonly updatedAt: number;
  readonly source: Uint8Array | null;
  readonly softwire: Uint8Array | null;
  readonly site: string | null;
  readonly relayPath: Uint8Array | null;
  readonly firstRelayPath: Uint8Array | null;
  /** The slot that the client moves to, while that move is pending; otherwise null. */
  readonly movesTo: number | null;
  /** The slot whose client gets this one; null unless this slot is kept for a move. */
  readonly movesFrom: number | null;
}

/**
 * Returns the columns of a lease record, for a SELECT from `lease`.
 *
 * @param now Unix seconds.
 */
export function leaseColumns(now: SQL) {
  return {
    slot: lease.slot,
    domainId: lease.domainId,
    clientId: lease.clientId,
    state: slotStateAt(now),
    expiresAt: lease.expiresAt,
    freeAt: lease.freeAt,
    since: lease.since,
    updatedAt: lease.updatedAt,
    source: lease.source,
    softwire: lease.softwire,
    site: lease.site,
    relayPath: lease.relayPath,
    firstRelayPath: lease.firstRelayPath,
    movesTo: movesTo(lease),
    movesFrom: movesFrom(lease),
  };
}

/** A row of {@link leaseColumns}. */
export type LeaseRow = RowOf<ReturnType<typeof leaseColumns>>;

/** Converts a row to a lease record. */
export function leaseOfRow(row: LeaseRow): LeaseRecord {
  const { slot, domainId, clientId, state, expiresAt, freeAt, since, updatedAt } = row;
  const { source, softwire, site, relayPath, firstRelayPath, movesTo, movesFrom } = row;
  return {
    slot,
    domainId,
    clientId,
    state,
    isReserved: freeAt === freeNever,
    expiresAt,
    freeAt,
    since,
    updatedAt,
    source,
    softwire,
    site,
    relayPath,
    firstRelayPath,
    movesTo,
    movesFrom,
  };
}
