/**
 * The part of a plan that concerns declared pools.
 *
 * @module
 */
import type { Declaration } from "../../declaration/declaration.ts";
import { parseDate } from "../../declaration/dates.ts";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import type { IPv4Range } from "../../declaration/usable-addresses.ts";
import { namesShownMax, poolSliceItems } from "../../limits.ts";
import { findPoolBefore } from "../../portset/find-pair.ts";
import type { Writer } from "../database/queries.ts";
import type { Change } from "./change.ts";
import { findDifferences } from "./differences.ts";
import { poolValues } from "./declared.ts";
import type { StoredPool } from "./declared.ts";
import type { State } from "./declared-state.ts";
import type { ApplyOptions, Step, Target } from "./draft.ts";
import { changePool, createPool, fixedDifferences } from "./pool-changes.ts";

/** Names of reservations, by the name of their pool. */
export type Remaining = ReadonlyMap<string, readonly string[]>;

interface PoolPlan {
  readonly step: Step;
  readonly change?: Change;
}

/**
 * Compares all declared pools with the pools of the database.
 *
 * @param remaining The reservations that each pool will have.
 */
export function* planPools(
  writer: Writer,
  { domains }: Declaration,
  state: State,
  { elsewhere }: Target,
  { actor }: ApplyOptions,
  remaining: Remaining,
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
      const plan =
        stored === undefined
          ? planCreation(writer, actor, name, declared, obstacles)
          : planChange(writer, actor, name, declared, stored);
      plans.push(checkDrain(plan, declared, stored, state.now, remaining));
      if (plans.length % poolSliceItems === 0) yield;
    }
  }
  return plans;
}

/**
 * Refuses to drain a pool with reservations, because reservations never end. Notes a drain that takes effect at once.
 */
function checkDrain(
  plan: PoolPlan,
  { name, drainUntil }: PoolDeclaration,
  stored: StoredPool | undefined,
  now: number,
  remaining: Remaining,
): PoolPlan {
  if (drainUntil === null || plan.step.change === "refuse") return plan;
  const reservations = remaining.get(name);
  if (reservations !== undefined) {
    const shown = reservations.slice(0, namesShownMax).join(", ");
    const reason = `drainUntil: found ${drainUntil} and reservations ${shown}, expected none in a drained pool; move or delete them first`;
    return { step: { ...plan.step, change: "refuse", reason } };
  }
  if (!isPastDrain(drainUntil, stored?.declared.drainUntil, now)) return plan;
  return { ...plan, step: { ...plan.step, reason: `drainUntil is past: the pool is drained at once` } };
}

/**
 * @param current The drain date that the pool has. A date that stays may be past.
 * @param now The clock of the database, in Unix seconds.
 * @returns Whether a drain date is new, and past.
 */
export function isPastDrain(wanted: string | null, current: string | null | undefined, now: number): boolean {
  return wanted !== null && wanted !== current && parseDate(wanted) <= now;
}

/** Pools that prevent the creation of another one. */
interface Obstacles {
  /** Pools of other places, by name. */
  readonly namesakes: ReadonlyMap<string, StoredPool>;
  readonly findOverlap: (range: IPv4Range) => StoredPool | undefined;
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
    const reason = `range: found ${declared.range}, which overlaps pool "${other.declared.name}", expected addresses of no other pool`;
    return { step: { what: "pool", name, domain, change: "refuse", reason } };
  }
  return {
    step: { what: "pool", name, domain, change: "create" },
    change: createPool(writer, actor, domain, declared, { mustDrainLater: false }),
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
    change: changePool(writer, actor, existing, declared, { mustDrainLater: false }),
  };
}
