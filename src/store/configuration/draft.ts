/**
 * The types of a plan that changes a database to match a declared state.
 *
 * @module
 */
import { firstFaults } from "../../declaration/first-faults.ts";
import type { Place } from "../database/databases.ts";
import type { Change } from "./change.ts";
import type { FieldDifference } from "./differences.ts";
import type { FileMode } from "./ownership.ts";
import type { StoredDomain, StoredPool } from "./declared.ts";

/** The reason of a step that keeps something because the declared state does not name it. */
export const notNamed = "not named";

/** One step of a plan: the change of one domain, pool or reservation. */
export interface Step {
  readonly what: "domain" | "pool" | "reservation";
  readonly name: string;
  /** Name of its domain. */
  readonly domain: string;
  /** `keep`: the state does not name it, and it stays unchanged. */
  readonly change: "create" | "change" | "drain" | "delete" | "unchanged" | "keep" | "refuse";
  /** The fields that a change sets. */
  readonly fields?: readonly FieldDifference[];
  /** Number of running leases in a pool that a prune drains. */
  readonly leasesInUse?: number;
  /** Why this change is made or refused, if that is not obvious. */
  readonly reason?: string;
}

/** How a declared state is applied. */
export interface ApplyOptions {
  /** The actor in the audit record. */
  readonly actor: string;
  /** What happens to domains and pools that the state does not name. */
  readonly unnamed: "keep" | "drain";
  /** The file that declares the state. Default: the API declares it, which changes no domain that a file owns. */
  readonly file?: FileMode | undefined;
  /** The required revision of the configuration; if it differs, nothing is changed. Default: any. */
  readonly revision?: number | undefined;
}

/** Facts about the other databases that restrict the changes of one database. */
export interface Elsewhere {
  /** New pools must not overlap these pools, and must have different names. */
  readonly pools: readonly StoredPool[];
  /** The domain that will be the default, if it is in another database. */
  readonly defaultDomain: string | undefined;
  /**
   * What domains will serve, by key, and the names of those domains. It includes the domains of the database itself,
   * as they were before the first attempt; only others are read from it.
   */
  readonly served: ReadonlyMap<string, readonly string[]>;
}

/** The database that a plan is for. */
export interface Target {
  readonly place: Place;
  readonly elsewhere: Elsewhere;
}

/** A plan: its steps, and the changes that carry them out. */
export interface Draft {
  /** The plan was made for this revision of the configuration. */
  readonly revision: number;
  readonly steps: readonly Step[];
  /** The changes of one transaction, in order. */
  readonly changes: readonly Change[];
  /** Pools to delete after that transaction. */
  readonly emptyPools: readonly StoredPool[];
  readonly emptyDomains: readonly StoredDomain[];
}

/** @returns Whether a plan contains a refused step. */
export function isRefused({ steps }: Pick<Draft, "steps">): boolean {
  return steps.some(({ change }) => change === "refuse");
}

/** @returns An error text with one line for each of the first refused steps. */
export function refusalText(steps: readonly Step[]): string {
  const refusals = steps.filter(({ change }) => change === "refuse");
  const lines = refusals.map(({ what, name, reason }) => `${what} "${name}": ${reason ?? ""}`);
  return `Cannot apply the declared state:\n${firstFaults(lines)}`;
}
