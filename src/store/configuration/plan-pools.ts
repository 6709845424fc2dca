/**
 * The part of a plan that concerns declared pools.
 *
 * @module
 */
import type { Declaration } from "../../declaration/declaration.ts";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import { poolSliceItems } from "../../limits.ts";
import { findPoolBefore } from "../../portset/find-pair.ts";
import type { Writer } from "../database/queries.ts";
import type { Change } from "./change.ts";
import { findDifferences } from "./differences.ts";
import { poolValues } from "./declared.ts";
import type { StoredPool } from "./declared.ts";
import type { State } from "./declared-state.ts";
import type { ApplyOptions, Step, Target } from "./draft.ts";
import { changePool, createPool, fixedDifferences } from "./pool-changes.ts";
import type { AddressRange } from "./pool-changes.ts";

interface PoolPlan {
  readonly step: Step;
  readonly change?: Change;
}

/** Compares all declared pools with the pools of the database. */
export function* planPools(
  writer: Writer,
  { domains }: Declaration,
  state: State,
  { elsewhere }: Target,
  { actor }: ApplyOptions,
): Generator<void, readonly PoolPlan[]> {
  const others = [...state.otherPools, ...elsewhere.pools];
  const existing = byName(state.pools);
  const obstacles: Obstacles = {
    namesakes: byName(others),
    findOverlap: overlapFinder([...state.pools, ...others]),
  };
  const plans: PoolPlan[] = [];
  for (const { name, pools } of domains) {
    for (const declared of pools) {
      const stored = existing.get(declared.name);
      plans.push(
        stored === undefined
          ? planCreation(writer, actor, name, declared, obstacles)
          : planChange(writer, actor, name, declared, stored),
      );
      if (plans.length % poolSliceItems === 0) yield;
    }
  }
  return plans;
}

/** Pools that prevent the creation of another one. */
interface Obstacles {
  /** Pools of other places, by name. */
  readonly namesakes: ReadonlyMap<string, StoredPool>;
  readonly findOverlap: (range: AddressRange) => StoredPool | undefined;
}

const byName = (pools: readonly StoredPool[]) => new Map(pools.map((pool) => [pool.declared.name, pool]));

/** Prepares the search for a pool with some of the addresses of a range. The pools do not overlap each other. */
function overlapFinder(pools: readonly StoredPool[]): Obstacles["findOverlap"] {
  const geometries = pools.map((stored) => ({ stored, geometry: stored.geometry }));
  return ({ firstAddress, lastAddress }) => {
    const last = findPoolBefore(geometries, lastAddress);
    return last !== undefined && last.geometry.lastAddress >= firstAddress ? last.stored : undefined;
  };
}

function planCreation(
  writer: Writer,
  actor: string,
  domain: string,
  declared: PoolDeclaration,
  { namesakes, findOverlap }: Obstacles,
): PoolPlan {
  const { name } = declared;
  const namesake = namesakes.get(name);
  if (namesake !== undefined) {
    const reason = `name: found a pool of this name in domain "${namesake.domain}", expected an unused name`;
    return { step: { what: "pool", name, domain, change: "refuse", reason } };
  }
  const other = findOverlap(poolValues(declared));
  if (other !== undefined) {
    const reason = `range: found ${declared.range}, which overlaps pool "${other.declared.name}"`;
    return { step: { what: "pool", name, domain, change: "refuse", reason } };
  }
  return {
    step: { what: "pool", name, domain, change: "create" },
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
    return { step: { what: "pool", name, domain, change: "refuse", reason } };
  }
  const [was, wanted] = [poolValues(existing.declared), poolValues(declared)];
  if (was.options === wanted.options && was.drainUntil === wanted.drainUntil) {
    return { step: { what: "pool", name, domain, change: "unchanged" } };
  }
  const fields = findDifferences(existing.declared, declared);
  const isDrained = wanted.drainUntil !== null && was.drainUntil === null;
  return {
    step: { what: "pool", name, domain, change: isDrained ? "drain" : "change", fields },
    change: changePool(writer, actor, existing, declared),
  };
}
