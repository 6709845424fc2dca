/**
 * The part of a plan that concerns declared pools.
 *
 * @module
 */
import type { DomainDeclaration } from "../../declaration/declaration.ts";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import type { Writer } from "../database/queries.ts";
import type { Change } from "./change.ts";
import { poolValues } from "./declared.ts";
import type { StoredPool } from "./declared.ts";
import type { State } from "./declared-state.ts";
import type { ApplyOptions, Step, Target } from "./draft.ts";
import { changePool, createPool, fixedDifferences } from "./pool-changes.ts";

interface PoolPlan {
  readonly step: Step;
  readonly change?: Change;
}

/** Compares the declared pools of a domain with the pools of the database. */
export function planPools(
  writer: Writer,
  domain: DomainDeclaration,
  state: State,
  { elsewhere }: Target,
  { actor }: ApplyOptions,
): readonly PoolPlan[] {
  const others = [...state.otherPools, ...elsewhere.pools];
  return domain.pools.map((declared) => {
    const existing = state.pools.find((pool) => pool.declared.name === declared.name);
    return existing === undefined
      ? planCreation(writer, actor, domain.name, declared, state.pools, others)
      : planChange(writer, actor, domain.name, declared, existing);
  });
}

function planCreation(
  writer: Writer,
  actor: string,
  domain: string,
  declared: PoolDeclaration,
  pools: readonly StoredPool[],
  others: readonly StoredPool[],
): PoolPlan {
  const { name } = declared;
  const namesake = others.find((pool) => pool.declared.name === name);
  if (namesake !== undefined) {
    const reason = `name: found a pool of this name in domain "${namesake.domain}", expected an unused name`;
    return { step: { what: "pool", name, change: "refuse", reason } };
  }
  const wanted = poolValues(declared);
  const other = [...pools, ...others].find(
    ({ geometry }) =>
      geometry.firstAddress <= wanted.lastAddress && wanted.firstAddress <= geometry.lastAddress,
  );
  if (other !== undefined) {
    const reason = `range: found ${declared.range}, which overlaps pool "${other.declared.name}"`;
    return { step: { what: "pool", name, change: "refuse", reason } };
  }
  return {
    step: { what: "pool", name, change: "create" },
    change: createPool(writer, actor, domain, declared),
  };
}

function planChange(
  writer: Writer,
  actor: string,
  domain: string,
  declared: PoolDeclaration,
  existing: StoredPool,
): PoolPlan {
  const { name } = declared;
  const fixed = fixedDifferences(existing, domain, declared);
  if (fixed.length > 0) {
    const faults = fixed.map(({ path, found, expected }) => `${path}: found ${found}, expected ${expected}`);
    const reason = `${faults.join("; ")}: these fields never change; drain the pool and create another one`;
    return { step: { what: "pool", name, change: "refuse", reason } };
  }
  const [was, wanted] = [poolValues(existing.declared), poolValues(declared)];
  if (was.options === wanted.options && was.drainUntil === wanted.drainUntil) {
    return { step: { what: "pool", name, change: "unchanged" } };
  }
  const isDrained = wanted.drainUntil !== null && was.drainUntil === null;
  return {
    step: { what: "pool", name, change: isDrained ? "drain" : "change" },
    change: changePool(writer, actor, existing, declared),
  };
}
