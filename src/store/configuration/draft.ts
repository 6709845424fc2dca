/**
 * The parts of a plan that changes a database to match a declared state.
 *
 * @module
 */
import type { Place } from "../database/databases.ts";
import type { Change } from "./change.ts";
import type { StoredDomain, StoredPool } from "./declared.ts";

/** What is done, or would be done, to one domain, pool or reservation. */
export interface Step {
  readonly what: "domain" | "pool" | "reservation";
  readonly name: string;
  /** `keep`: the database has it, the state does not name it, and it stays as it is. */
  readonly change: "create" | "change" | "drain" | "delete" | "unchanged" | "keep" | "refuse";
  /** The reason, if it is not obvious. */
  readonly reason?: string;
}

/** How a declared state is applied. */
export interface ApplyOptions {
  /** The name that is recorded for the change. */
  readonly actor: string;
  /** What happens to domains and pools that the state does not name. */
  readonly unnamed: "keep" | "drain";
  /** Revision that the configuration must have; otherwise nothing is done. Default: any. */
  readonly revision?: number | undefined;
}

/** What has to be known of the other databases when one database is changed. */
export interface Elsewhere {
  /** Ranges must not overlap these pools, and names must differ from theirs. */
  readonly pools: readonly StoredPool[];
  /** The domain that will be the default, if it is in another database. */
  readonly defaultDomain: string | undefined;
}

/** The database that a plan is for. */
export interface Target {
  readonly place: Place;
  readonly elsewhere: Elsewhere;
}

/** A plan with the changes that carry it out. */
export interface Draft {
  /** Revision of the configuration that the plan was made for. */
  readonly revision: number;
  readonly steps: readonly Step[];
  /** The changes, in order, for one transaction. */
  readonly changes: readonly Change[];
  /** Pools to delete after that transaction. */
  readonly emptyPools: readonly StoredPool[];
  readonly emptyDomains: readonly StoredDomain[];
}

/** @returns Whether a plan contains a step that cannot be done. */
export function isRefused({ steps }: Pick<Draft, "steps">): boolean {
  return steps.some(({ change }) => change === "refuse");
}

/** @returns Why a declared state cannot be applied, with one line for each refused step. */
export function refusalText(steps: readonly Step[]): string {
  const refusals = steps.filter(({ change }) => change === "refuse");
  const lines = refusals.map(({ what, name, reason }) => `  ${what} "${name}": ${reason ?? ""}`);
  return `Cannot apply the declared state:\n${lines.join("\n")}`;
}
