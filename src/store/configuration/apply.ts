/**
 * Changes a database to match a declared state. Applying the same state again changes nothing.
 *
 * The file that an allocator is started with and `PUT /admin/v1/config` share this implementation; they differ in what
 * happens to a domain or pool that the state does not name. For a file it is kept, because several allocators may be
 * started with parts of the whole. For the API the state is the whole: a pool that it does not name is drained, so that
 * nobody loses a lease, and deleted by the next application after the drain.
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

/** The outcome of an application. */
export type Application =
  | { readonly kind: "applied"; readonly steps: readonly Step[] }
  /** Something cannot be done, so nothing was done. */
  | { readonly kind: "refused"; readonly steps: readonly Step[] }
  /** The configuration does not have the required revision. */
  | Stale;

/**
 * Creates what is missing and changes what differs: all in one transaction, or nothing. Pools that are neither named
 * nor used are deleted after it.
 *
 * A pool's range, offset, length, reserved ports and fill order never change once it exists, because leases and history
 * name its slots by number: a state that differs in them is refused as a whole.
 *
 * @param planned The plan for the first attempt, if there is one already.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function applyTo(
  target: Target,
  declaration: Declaration,
  options: ApplyOptions,
  planned?: Draft,
): Promise<Application> {
  const { database } = target.place;
  const { actor, revision: asked } = options;
  // Another change may come between plan and transaction; then a new plan is made.
  for (let attempt = 1; attempt <= applyAttemptsMax; attempt++) {
    const plan =
      attempt === 1 && planned !== undefined ? planned : await draftPlan(target, declaration, options);
    if (asked !== undefined && asked !== plan.revision) {
      return { kind: "stale", asked, version: plan.revision };
    }
    if (isRefused(plan)) return { kind: "refused", steps: plan.steps };
    if (plan.changes.length > 0 && !(await commitAll(database, plan.changes, plan.revision))) continue;
    for (const pool of plan.emptyPools) await deletePool(database, actor, pool, { force: false });
    await deleteDomains(database, actor, plan.emptyDomains);
    return { kind: "applied", steps: plan.steps };
  }
  const reason = "the configuration changed during every attempt";
  return { kind: "refused", steps: [{ what: "domain", name: "*", change: "refuse", reason }] };
}

/** Deletes domains, except those that were given a token meanwhile or whose pools still exist. */
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
