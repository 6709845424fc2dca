/**
 * One lease as the API shows it, with an ETag that identifies its tenure (`store/evidence/stored-lease.ts`).
 *
 * @module
 */
import type { Context } from "hono";
import * as v from "valibot";
import { formatDate } from "../../../declaration/dates.ts";
import { listedPortRangesMax } from "../../../limits.ts";
import { portRanges } from "../../../portset/port-set.ts";
import { slotStates } from "../../../store/evidence/slot-state.ts";
import type { StoredLease, VersionedLease } from "../../../store/evidence/stored-lease.ts";
import { formatIPv4 } from "../../../wire/ipv4-address.ts";
import { formatETag } from "../etag.ts";
import { evidenceFields, showEvidence } from "../evidence.ts";
import { portRangeSchema } from "../schemas.ts";

/** A lease. */
export const leaseSchema = v.strictObject({
  id: v.string(),
  domain: v.string(),
  pool: v.string(),
  address: v.string(),
  psid: v.nullable(v.pipe(v.number(), v.description("Plain number; null for a full address."))),
  ports: v.pipe(
    v.array(portRangeSchema),
    v.description(
      `In a list, the first ${listedPortRangesMax}. All of them follow from \`psid\` and the pool.`,
    ),
  ),
  state: v.picklist(slotStates),
  isReserved: v.boolean(),
  ...evidenceFields,
  since: v.nullable(
    v.pipe(v.string(), v.description("Start of the tenure: client and pair are unchanged since then.")),
  ),
  expiresAt: v.nullable(
    v.pipe(v.string(), v.description("End of the lease; null means that the pair was never leased.")),
  ),
  freeAt: v.nullable(
    v.pipe(v.string(), v.description("When another client may get the pair; null means never.")),
  ),
  updatedAt: v.string(),
  pending: v.nullable(
    v.pipe(
      v.string(),
      v.description(
        "The pair that the client moves to, by an operator's move or a reservation. The client was not told yet: its next renewal is refused.",
      ),
    ),
  ),
  pendingFrom: v.nullable(
    v.pipe(v.string(), v.description("The pair whose client gets this one; this one is kept for it.")),
  ),
});

/** Answers with a lease and its ETag. */
export function respondLease(context: Context, lease: VersionedLease) {
  context.header("etag", formatETag(lease.version));
  return context.json(showLease(lease), 200);
}

/**
 * Shows a lease as the API does.
 *
 * @param rangesMax The most port ranges to show. Default: all.
 */
export function showLease(lease: StoredLease, rangesMax?: number): v.InferOutput<typeof leaseSchema> {
  return {
    id: lease.id,
    domain: lease.domain,
    pool: lease.pool,
    address: formatIPv4(lease.address),
    psid: lease.psid,
    ports: portRanges(lease.geometry, lease.psid ?? 0, rangesMax),
    state: lease.state,
    isReserved: lease.isReserved,
    ...showEvidence(lease),
    since: lease.since === null ? null : formatDate(lease.since),
    expiresAt: lease.expiresAt === 0 ? null : formatDate(lease.expiresAt),
    freeAt: lease.isReserved ? null : formatDate(lease.freeAt),
    updatedAt: formatDate(lease.updatedAt),
    pending: lease.movesToId,
    pendingFrom: lease.movesFromId,
  };
}
