/**
 * Changes a database to match a declared state. Applying the same state again changes nothing.
 *
 * The file given at the start of an allocator and `PUT /admin/v1/config` share this implementation. They differ in who
 * owns the domains that the state names (`ownership.ts`). Things that it does not name are kept, unless the API asks for
 * a prune. A prune drains an unnamed pool, so that no client loses a lease; a later prune deletes the empty pool.
 *
 * @module
 */
import { inArray } from "drizzle-orm";
import type { Declaration } from "../../declaration/declaration.ts";
import { applyAttemptsMax } from "../../limits.ts";
import type { Database } from "../database/database.ts";
import { readerOf, readRows, writerOf } from "../database/queries.ts";
import { domain } from "../database/schema.ts";
import { commitAll, commitEach } from "./change.ts";
import { domainOfRow } from "./declared.ts";
import type { StoredDomain } from "./declared.ts";
import { deleteDomain } from "./domain-changes.ts";
import { isRefused, refusalText } from "./draft.ts";
import type { ApplyOptions, Draft, Step, Target } from "./draft.ts";
import { draftPlan } from "./plan.ts";
import { deletePool } from "./pool-deletion.ts";
import type { Stale } from "./precondition.ts";

/** A declared state that cannot be applied to the database. */
export class ApplyError extends Error {
  readonly steps: readonly Step[];
  constructor(steps: readonly Step[]) {
    super(refusalText(steps));
    this.name = "ApplyError";
    this.steps = steps;
  }
}

/** The outcome of applying a declared state. */
export type Application =
  | { readonly kind: "applied"; readonly steps: readonly Step[] }
  /** At least one step is impossible, so nothing was changed. */
  | { readonly kind: "refused"; readonly steps: readonly Step[] }
  /** The configuration does not have the required revision. */
  | Stale;

/**
 * Creates what is missing and changes what differs, in one transaction. Pools and domains that are neither named nor
 * used are deleted after it.
 *
 * A pool's range, offset, length, reserved ports and fill order never change, because leases and history name its slots
 * by number. If any of them differs, the whole state is refused.
 *
 * @param planned A plan for the first attempt, if the caller has made one.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function applyTo(
  target: Target,
  declaration: Declaration,
  options: ApplyOptions,
  planned?: Draft,
): Promise<Application> {
  const { database } = target.place;
  const { actor, revision: required } = options;
  // If the configuration changes between plan and transaction, a new plan is made.
  for (let attempt = 1; attempt <= applyAttemptsMax; attempt++) {
    const plan =
      attempt === 1 && planned !== undefined ? planned : await draftPlan(target, declaration, options);
    if (required !== undefined && required !== plan.revision) {
      return { kind: "stale", header: "If-Match", required: [required], version: plan.revision };
    }
    if (isRefused(plan)) return { kind: "refused", steps: plan.steps };
    if (plan.changes.length > 0 && !(await commitAll(database, plan.changes, plan.revision))) continue;
    for (const pool of plan.emptyPools) await deletePool(database, actor, pool, { force: false });
    await deleteDomains(database, actor, plan.emptyDomains);
    return { kind: "applied", steps: plan.steps };
  }
  const reason = `the configuration changed during each of ${applyAttemptsMax} attempts`;
  return { kind: "refused", steps: [{ what: "domain", name: "*", domain: "*", change: "refuse", reason }] };
}

/** Deletes domains, except those that have got a token in the meantime, or still have pools. */
async function deleteDomains(
  database: Database,
  actor: string,
  domains: readonly StoredDomain[],
): Promise<void> {
  if (domains.length === 0) return;
  const ids = domains.map(({ id }) => id);
  const rows = await readRows(
    database,
    readerOf(database).select().from(domain).where(inArray(domain.id, ids)),
  );
  const writer = writerOf(database);
  await commitEach(
    database,
    rows.map((row) => deleteDomain(writer, actor, domainOfRow(row))),
  );
}
