/**
 * The part of a plan that concerns domains and pools that the declared state does not name.
 *
 * @module
 */
import { formatDate } from "../../declaration/dates.ts";
import type { Declaration } from "../../declaration/declaration.ts";
import type { Writer } from "../database/queries.ts";
import { notNamed } from "./draft.ts";
import type { Change } from "./change.ts";
import type { StoredDomain, StoredPool } from "./declared.ts";
import type { State } from "./declared-state.ts";
import type { ApplyOptions, Step } from "./draft.ts";
import { changePool } from "./pool-changes.ts";

/** Domains and pools that a declared state does not name. */
export interface Unnamed {
  readonly pools: readonly StoredPool[];
  readonly domains: readonly StoredDomain[];
}

/** Facts from the database about unnamed domains and pools. */
export interface UnnamedFacts {
  /** Ids of pools with slots that a client may still use. */
  readonly used: ReadonlySet<number>;
  /** Id of a pool -> number of its running leases. */
  readonly leases: ReadonlyMap<number, number>;
  /** Id of a domain -> names of the tokens that are restricted to it. */
  readonly tokens: ReadonlyMap<number, readonly string[]>;
}

/** The plan for unnamed domains and pools. */
export interface UnnamedPlan {
  readonly steps: Step[];
  readonly changes: Change[];
  readonly emptyPools: StoredPool[];
  readonly emptyDomains: StoredDomain[];
}

/** Finds domains and pools that a declared state does not name. */
export function unnamedOf({ domains }: Declaration, state: State): Unnamed {
  const names = new Set(domains.flatMap(({ pools }) => pools.map(({ name }) => name)));
  const domainNames = new Set(domains.map(({ name }) => name));
  return {
    pools: state.pools.filter(({ declared }) => !names.has(declared.name)),
    domains: state.domains.filter(({ name }) => !domainNames.has(name)),
  };
}

/**
 * Splits unnamed pools and domains into those to prune and those to keep. Without a prune, all are kept. What a file owns
 * is always kept.
 */
export function splitUnnamed(
  { pools, domains }: Unnamed,
  state: State,
  { unnamed }: ApplyOptions,
): readonly [Unnamed, Unnamed] {
  const ownedDomains = new Set(state.domains.filter(({ owner }) => owner !== null).map(({ name }) => name));
  const isPruned = (domain: string): boolean => unnamed === "drain" && !ownedDomains.has(domain);
  return [
    {
      pools: pools.filter(({ domain }) => isPruned(domain)),
      domains: domains.filter(({ name }) => isPruned(name)),
    },
    {
      pools: pools.filter(({ domain }) => !isPruned(domain)),
      domains: domains.filter(({ name }) => !isPruned(name)),
    },
  ];
}

/** Plans to keep domains and pools that are not named. */
export function keepUnnamed({ pools, domains }: Unnamed, state: State): Step[] {
  const reasons = new Map(state.domains.map(({ name, owner }) => [name, keptBecause(owner)]));
  return [
    ...pools.map(({ declared: { name }, domain }): Step => {
      return { what: "pool", name, domain, change: "keep", reason: reasons.get(domain) ?? notNamed };
    }),
    ...domains.map(({ name }): Step => {
      return { what: "domain", name, domain: name, change: "keep", reason: reasons.get(name) ?? notNamed };
    }),
  ];
}

/** @returns Why a thing is kept that the declared state does not name. */
export function keptBecause(owner: string | null): string {
  return owner === null ? notNamed : `${notNamed}; file ${owner} owns its domain`;
}

/** Plans to drain pools that are not named, and to delete pools and domains that are no longer used. */
export function drainUnnamed(
  writer: Writer,
  { pools, domains }: Unnamed,
  { used, tokens, leases }: UnnamedFacts,
  state: State,
  { actor }: ApplyOptions,
): UnnamedPlan {
  const plan: UnnamedPlan = { steps: [], changes: [], emptyPools: [], emptyDomains: [] };
  const owners = new Map(state.domains.map((domain) => [domain.id, domain]));
  const usedDomains = new Set(state.pools.filter(({ id }) => used.has(id)).map(({ domainId }) => domainId));
  for (const pool of pools) {
    const { name, drainUntil } = pool.declared;
    const step = { what: "pool", name, domain: pool.domain, leasesInUse: leases.get(pool.id) ?? 0 } as const;
    if (!used.has(pool.id)) {
      plan.steps.push({ ...step, change: "delete", reason: "it is not in use" });
      plan.emptyPools.push(pool);
    } else if (drainUntil !== null) {
      plan.steps.push({ ...step, change: "unchanged", reason: `drained until ${drainUntil}` });
    } else {
      const until = formatDate(state.now + owners.get(pool.domainId)!.settings.leaseSeconds.max);
      const fields = [{ path: "drainUntil", from: null, to: until }];
      plan.steps.push({ ...step, change: "drain", fields, reason: `its leases run until ${until} at most` });
      const drained = { ...pool.declared, drainUntil: until };
      plan.changes.push(changePool(writer, actor, pool, drained, { mustDrainLater: false }));
    }
  }
  for (const domain of domains) {
    const { name } = domain;
    const isUsed = usedDomains.has(domain.id);
    const restricted = tokens.get(domain.id) ?? [];
    if (isUsed) {
      plan.steps.push({
        what: "domain",
        name,
        domain: name,
        change: "keep",
        reason: "its pools are being drained",
      });
    } else if (restricted.length > 0) {
      const reason = `token ${restricted.join(", ")} is restricted to it`;
      plan.steps.push({ what: "domain", name, domain: name, change: "keep", reason });
    } else {
      plan.steps.push({ what: "domain", name, domain: name, change: "delete", reason: "it has no pools" });
      plan.emptyDomains.push(domain);
    }
  }
  return plan;
}
