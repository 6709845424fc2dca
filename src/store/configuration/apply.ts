/**
 * Makes the database hold a declared state. Applying it again changes nothing.
 *
 * One implementation for the file that an allocator is started with and for `PUT /admin/v1/config`; they differ in
 * what becomes of a domain or pool that the state does not name. For a file it is kept, because several allocators
 * may be started with parts of the whole. For the API the state is the whole: a pool that it does not name is
 * drained, so that nobody loses a lease, and deleted by the next application behind that.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import type { Declaration } from "../../declaration/declaration.ts";
import { applyAttemptsMax } from "../../limits.ts";
import { commitAll, commitChange } from "./change.ts";
import type { StoredDomain } from "./declared.ts";
import { deleteDomain, findDomain } from "./domains.ts";
import { draftPlan } from "./plan.ts";
import type { ApplyOptions, Step } from "./plan.ts";
import { deletePool } from "./pools.ts";

/** A declared state that the database cannot take over. */
export class ApplyError extends Error {
  readonly steps: readonly Step[];
  constructor(steps: readonly Step[]) {
    const refusals = steps.filter(({ change }) => change === "refuse");
    const lines = refusals.map(({ what, name, reason }) => `  ${what} "${name}": ${reason ?? ""}`);
    super(`Cannot apply the declared state:\n${lines.join("\n")}`);
    this.name = "ApplyError";
    this.steps = steps;
  }
}

/** The configuration is another than the caller looked at. */
export class RevisionError extends Error {
  readonly revision: number;
  constructor(revision: number) {
    super(`Cannot apply the declared state: the configuration has revision ${revision} by now`);
    this.name = "RevisionError";
    this.revision = revision;
  }
}

/** Of a file: it may be a part of the whole. */
export const fileOptions: ApplyOptions = { actor: "file", unnamed: "keep" };

/**
 * Creates what is missing and changes what differs: all in one transaction, or nothing. Pools that nothing names and
 * nobody uses are deleted behind it.
 *
 * A pool's range, offset, length, reserved ports and fill order never change once it exists, because leases and
 * history name its slots by number: a state that differs is refused as a whole.
 *
 * @returns What was done.
 * @throws {ApplyError} When something is refused; then nothing was done.
 * @throws {RevisionError} When the configuration is not the one that the options name.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function applyDeclaration(
  client: Client,
  declaration: Declaration,
  options: ApplyOptions = fileOptions,
): Promise<readonly Step[]> {
  // Somebody else may change the configuration between plan and transaction; then there is another plan to make.
  for (let attempt = 1; attempt <= applyAttemptsMax; attempt++) {
    const plan = await draftPlan(client, declaration, options);
    if (options.revision !== undefined && options.revision !== plan.revision)
      throw new RevisionError(plan.revision);
    if (plan.steps.some(({ change }) => change === "refuse")) throw new ApplyError(plan.steps);
    if (plan.changes.length > 0 && !(await commitAll(client, plan.changes, plan.revision))) continue;
    for (const pool of plan.emptyPools) await deletePool(client, options.actor, pool, { force: false });
    await commitDomains(client, options.actor, plan.emptyDomains);
    return plan.steps;
  }
  throw new ApplyError([
    { what: "domain", name: "*", change: "refuse", reason: "others change the configuration all the time" },
  ]);
}

/** A domain that has got a token meanwhile, or whose pools are not gone yet, stays. */
async function commitDomains(client: Client, actor: string, domains: readonly StoredDomain[]): Promise<void> {
  for (const { name } of domains) {
    const domain = await findDomain(client, name);
    if (domain !== undefined) await commitChange(client, deleteDomain(actor, domain));
  }
}
