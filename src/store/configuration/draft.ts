/**
 * What there is to do until a database holds a declared state: its parts, from which a plan is drafted.
 *
 * @module
 */
import type { Place } from "../database/databases.ts";
import type { Change } from "./change.ts";
import type { StoredDomain, StoredPool } from "./declared.ts";

/** What is done, or would be, to one domain, pool or reservation. */
export interface Step {
  readonly what: "domain" | "pool" | "reservation";
  readonly name: string;
  /** `keep`: the database has it, the state does not name it, and it stays as it is. */
  readonly change: "create" | "change" | "drain" | "delete" | "unchanged" | "keep" | "refuse";
  /** Why, where that is not plain. */
  readonly reason?: string;
}

/** How a declared state is applied. */
export interface ApplyOptions {
  /** Who is recorded as the one who did it. */
  readonly actor: string;
  /** What becomes of what the state does not name. */
  readonly unnamed: "keep" | "drain";
  /** Revision that the configuration must have; otherwise nothing is done. Default: any. */
  readonly revision?: number | undefined;
}

/** What one database has to know of the others. */
export interface Elsewhere {
  /** No range may overlap theirs, and no name be one of theirs. */
  readonly pools: readonly StoredPool[];
  /** The domain that shall be the default, if it is in another database. */
  readonly defaultDomain: string | undefined;
}

/** Where a plan is for. */
export interface Target {
  readonly place: Place;
  readonly elsewhere: Elsewhere;
}

/** A plan with the changes that carry it out. */
export interface Draft {
  /** Of the configuration that it was made for. */
  readonly revision: number;
  readonly steps: readonly Step[];
  /** For one transaction, in their order. */
  readonly changes: readonly Change[];
  /** To be deleted after it. */
  readonly emptyPools: readonly StoredPool[];
  readonly emptyDomains: readonly StoredDomain[];
}

/** @returns Whether a plan has something that cannot be done. */
export function isRefused({ steps }: Pick<Draft, "steps">): boolean {
  return steps.some(({ change }) => change === "refuse");
}

/** @returns Why a declared state cannot be applied: a line for each step that is refused. */
export function refusalText(steps: readonly Step[]): string {
  const refusals = steps.filter(({ change }) => change === "refuse");
  const lines = refusals.map(({ what, name, reason }) => `  ${what} "${name}": ${reason ?? ""}`);
  return `Cannot apply the declared state:\n${lines.join("\n")}`;
}
