/**
 * Deletes a pool in steps, because a pool may have millions of leases.
 *
 * @module
 */
import { and, eq, notExists, sql } from "drizzle-orm";
import { poolDeletionStepLeases, poolDeletionStepsMax } from "../../limits.ts";
import { slotKey, slotsPerPool } from "../../portset/slot-key.ts";
import type { Database } from "../database/database.ts";
import { writerOf } from "../database/queries.ts";
import { lease, pool } from "../database/schema.ts";
import { yieldToEventLoop } from "../database/slices.ts";
import { instantSeconds } from "../database/time.ts";
import { auditOfLast } from "./audit.ts";
import { commitChange } from "./change.ts";
import type { StoredPool } from "./declared.ts";
import { auditedPool, selectReservationsOf, selectUses } from "./pool-changes.ts";

/** The outcome of deleting a pool. */
export type DeletionOutcome =
  | { readonly kind: "deleted" }
  /** The pool has more leases than one request may delete, so the caller has to repeat the request. */
  | { readonly kind: "unfinished" }
  /** A client may still use a slot, and the deletion was not forced. */
  | { readonly kind: "in-use" }
  /** The pool has reservations, of which at most ten are named. */
  | { readonly kind: "has-reservations"; readonly reservations: readonly string[] }
  /** The pool was changed after it was read. */
  | { readonly kind: "changed-meanwhile" };

/** Options of {@link deletePool}. */
export interface PoolDeletionOptions {
  /**
   * Whether to delete the pool even if it has running leases. They end now, and their clients are refused at the next
   * renewal.
   */
  readonly force: boolean;
}

/**
 * Deletes a pool: closes it, deletes the remaining leases (their tenures go to history), then deletes its row. Its
 * geometry stays in `retired_pool`. If the deletion is interrupted, the pool stays closed and the next request
 * continues.
 *
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function deletePool(
  database: Database,
  actor: string,
  stored: StoredPool,
  options: PoolDeletionOptions,
): Promise<DeletionOutcome> {
  const refusal = await closePool(database, actor, stored, options);
  if (refusal !== undefined) return refusal;
  for (let step = 0; step < poolDeletionStepsMax; step++) {
    if (await deleteStep(database, actor, stored)) return { kind: "deleted" };
    await yieldToEventLoop();
  }
  return { kind: "unfinished" };
}

/** Closes a pool, so that it gives no leases and renews none. */
async function closePool(
  database: Database,
  actor: string,
  stored: StoredPool,
  { force }: PoolDeletionOptions,
): Promise<DeletionOutcome | undefined> {
  const { id, version } = stored;
  const writer = writerOf(database);
  const { isDone, found } = await commitChange(
    database,
    {
      statement: writer
        .update(pool)
        .set({
          drainUntil: sql`min(ifnull(${pool.drainUntil}, ${instantSeconds}), ${instantSeconds})`,
          version: sql`${pool.version} + 1`,
        })
        .where(
          and(
            eq(pool.id, id),
            eq(pool.version, version),
            force ? undefined : notExists(selectUses(writer, id)),
            notExists(selectReservationsOf(writer, id)),
          ),
        )
        .returning({ id: pool.id }),
      audit: {
        ...entryOf(actor, stored),
        action: force ? "close by force" : "close",
        after: auditedPool(stored.domain, stored.declared),
      },
    },
    [
      writer.select({ version: pool.version }).from(pool).where(eq(pool.id, id)),
      selectReservationsOf(writer, id),
    ],
  );
  if (isDone) return undefined;
  const [[row], reservations] = found;
  if (row?.version !== version) return { kind: "changed-meanwhile" };
  if (reservations.length === 0) return { kind: "in-use" };
  return { kind: "has-reservations", reservations: reservations.map(({ name }) => name) };
}

const entryOf = (actor: string, { domain, declared }: StoredPool) => ({
  actor,
  resource: "pool",
  name: declared.name,
  domain,
  before: auditedPool(domain, declared),
});

/**
 * Deletes the leases of the highest slots, then the pool if no lease is left. The same transaction lowers the cursor,
 * so that every slot below it always has a row.
 *
 * @returns Whether the pool is deleted.
 */
async function deleteStep(database: Database, actor: string, stored: StoredPool): Promise<boolean> {
  const { id } = stored;
  const writer = writerOf(database);
  const [first, last] = [slotKey(id, 0), slotKey(id, slotsPerPool - 1)];
  const lowest = sql`(SELECT min(slot) FROM (
    SELECT ${lease.slot} AS slot FROM ${lease} WHERE ${lease.slot} BETWEEN ${first} AND ${last}
    ORDER BY ${lease.slot} DESC LIMIT ${poolDeletionStepLeases}))`;
  const [, , deleted] = await writer.batch([
    writer
      .update(pool)
      .set({ cursor: sql`min(${pool.cursor}, ifnull(${lowest} - ${first}, 0))` })
      .where(eq(pool.id, id)),
    writer.delete(lease).where(sql`${lease.slot} BETWEEN ${lowest} AND ${last}`),
    writer
      .delete(pool)
      .where(
        and(
          eq(pool.id, id),
          notExists(writer.select({ slot: lease.slot }).from(lease).where(eq(lease.poolId, id))),
        ),
      )
      .returning({ id: pool.id }),
    writer.run(auditOfLast({ ...entryOf(actor, stored), action: "delete", after: null })),
  ]);
  return deleted.length > 0;
}
