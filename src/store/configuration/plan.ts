/**
 * What there is to do until the database holds a declared state.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import * as v from "valibot";
import { formatDate } from "../../declaration/dates.ts";
import type { Declaration, DomainDeclaration } from "../../declaration/declaration.ts";
import { domainSettingsFields } from "../../declaration/domain-settings.ts";
import { geometryOf } from "../../declaration/pool-declaration.ts";
import type { Change } from "./change.ts";
import type { Scope } from "../database/databases.ts";
import { canonicalReservation, poolParameters, settingsText, slotOfReservation } from "./declared.ts";
import type { StoredDomain, StoredPool } from "./declared.ts";
import { loadState } from "./declared-state.ts";
import type { State } from "./declared-state.ts";
import { changeDomain, createDomain, usersOfDomain } from "./domains.ts";
import { changePool, createPool, fixedDifferences, poolsInUse } from "./pools.ts";
import { createReservation, deleteReservation, findObstacles } from "./reservations.ts";
import type { ReservationObstacles } from "./reservations.ts";

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
  /** Revision that the configuration must have (If-Match); otherwise nothing is done. */
  readonly revision?: number | undefined;
  /** The domains of the database that count; default: all. The state has no others. */
  readonly scope?: Scope | undefined;
  /** What other databases have, where the state is spread over several. */
  readonly elsewhere?: Elsewhere | undefined;
}

/** What one database has to know of the others. */
export interface Elsewhere {
  /** No range may overlap theirs, and no name be one of theirs. */
  readonly pools: readonly StoredPool[];
  /** The domain that shall be the default, if it is in another database. */
  readonly defaultDomain: string | undefined;
}

/** What an application does. */
export interface Plan {
  /** Of the configuration that it was made for. */
  readonly revision: number;
  readonly steps: readonly Step[];
}

/**
 * Says what an application would do, and does nothing.
 *
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function planDeclaration(
  client: Client,
  declaration: Declaration,
  options: ApplyOptions,
): Promise<Plan> {
  const { revision, steps } = await draftPlan(client, declaration, options);
  return { revision, steps };
}

/** A plan with the changes that carry it out. */
export interface Draft extends Plan {
  readonly steps: Step[];
  /** For one transaction, in their order. */
  readonly changes: Change[];
  /** To be deleted behind it. */
  readonly emptyPools: StoredPool[];
  readonly emptyDomains: StoredDomain[];
}

/**
 * Compares a declared state with what the database has. Nothing is changed.
 *
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function draftPlan(
  client: Client,
  declaration: Declaration,
  options: ApplyOptions,
): Promise<Draft> {
  const state = await loadState(client, options.scope, options.elsewhere?.pools);
  const plan: Draft = {
    revision: state.revision,
    steps: [],
    changes: [],
    emptyPools: [],
    emptyDomains: [],
  };
  // Reservations first: a pair or a client that one gives up may be what another wants.
  const reservationSteps = await planReservations(client, plan, declaration, state, options);
  const domainChanges = planDomains(plan, declaration, state, options);
  for (const declared of declaration.domains) planPools(plan, declared, state, options);
  plan.changes.unshift(...domainChanges);
  plan.steps.push(...reservationSteps.steps);
  plan.changes.push(...reservationSteps.changes);
  await planUnnamed(client, plan, declaration, state, options);
  return plan;
}

/** What a declared domain says about itself, without its name, pools and reservations. */
const settingsOnly = v.object(domainSettingsFields);

function planDomains(
  plan: Draft,
  { domains }: Declaration,
  state: State,
  { actor, unnamed, scope, elsewhere }: ApplyOptions,
): Change[] {
  const changes: { readonly isDefault: boolean; readonly change: Change }[] = [];
  for (const declared of domains) {
    const { name } = declared;
    const settings = v.parse(settingsOnly, declared);
    const existing = state.domains.find((each) => each.name === name);
    const isSame = existing !== undefined && settingsText(existing.settings) === settingsText(settings);
    plan.steps.push({
      what: "domain",
      name,
      change: existing === undefined ? "create" : isSame ? "unchanged" : "change",
    });
    if (isSame) continue;
    const change =
      existing === undefined
        ? createDomain(actor, name, settings, scope)
        : changeDomain(actor, existing, settings, scope);
    changes.push({ isDefault: settings.default, change });
  }
  const former = state.domains.find(
    ({ name, settings }) => settings.default && !domains.some((each) => each.name === name),
  );
  const heir = domains.find((each) => each.default)?.name ?? elsewhere?.defaultDomain;
  if (former === undefined || heir === undefined) return inOrder(changes);
  if (unnamed === "keep") {
    const reason = `found default true, expected false: "${former.name}" is the default, and is kept`;
    plan.steps.push({ what: "domain", name: heir, change: "refuse", reason });
  } else {
    const change = changeDomain(actor, former, { ...former.settings, default: false }, scope);
    changes.push({ isDefault: false, change });
  }
  return inOrder(changes);
}

/** A domain that stops to be the default does so before another becomes it. */
function inOrder(changes: { readonly isDefault: boolean; readonly change: Change }[]): Change[] {
  return changes.sort((a, b) => Number(a.isDefault) - Number(b.isDefault)).map(({ change }) => change);
}

function planPools(plan: Draft, domain: DomainDeclaration, state: State, { actor }: ApplyOptions): void {
  for (const declared of domain.pools) {
    const { name } = declared;
    const refuse = (reason: string) => plan.steps.push({ what: "pool", name, change: "refuse", reason });
    const wanted = poolParameters(declared);
    const existing = state.pools.find((pool) => pool.declared.name === name);
    if (existing === undefined) {
      const namesake = state.otherPools.find((pool) => pool.declared.name === name);
      if (namesake !== undefined) {
        refuse(`name: found a pool of domain "${namesake.domain}" that has it, expected another`);
        continue;
      }
      const other = [...state.pools, ...state.otherPools].find(
        ({ geometry }) =>
          geometry.firstAddress <= wanted.lastAddress && wanted.firstAddress <= geometry.lastAddress,
      );
      if (other !== undefined) {
        refuse(`range: found ${declared.range}, which overlaps pool "${other.declared.name}"`);
        continue;
      }
      plan.steps.push({ what: "pool", name, change: "create" });
      plan.changes.push(createPool(actor, domain.name, declared));
      continue;
    }
    const fixed = fixedDifferences(existing, domain.name, declared);
    if (fixed.length > 0) {
      const faults = fixed.map(
        ({ path, found, expected }) => `${path}: found ${found}, expected ${expected}`,
      );
      refuse(`${faults.join("; ")}: that never changes; drain the pool and create one of another name`);
      continue;
    }
    const was = poolParameters(existing.declared);
    if (was.options === wanted.options && was.drainUntil === wanted.drainUntil) {
      plan.steps.push({ what: "pool", name, change: "unchanged" });
      continue;
    }
    const isDrained = wanted.drainUntil !== null && was.drainUntil === null;
    plan.steps.push({ what: "pool", name, change: isDrained ? "drain" : "change" });
    plan.changes.push(changePool(actor, existing, declared));
  }
}

interface ReservationPlan {
  readonly steps: Step[];
  /** Creations, to be done when their pools are there. */
  readonly changes: Change[];
}

/** Deletions go to the plan at once: they come before all else, so that a pool may be drained. */
async function planReservations(
  client: Client,
  plan: Draft,
  { domains }: Declaration,
  state: State,
  { actor, unnamed }: ApplyOptions,
): Promise<ReservationPlan> {
  const result: ReservationPlan = { steps: [], changes: [] };
  const declared = new Map(
    domains.flatMap((domain) => domain.reservations.map((each) => [each.name, { domain, each }])),
  );
  for (const existing of state.reservations) {
    const { name } = existing.declared;
    const wanted = declared.get(name);
    if (wanted === undefined) {
      const isKept = unnamed === "keep";
      result.steps.push({ what: "reservation", name, change: isKept ? "keep" : "delete" });
      if (!isKept) plan.changes.push(deleteReservation(actor, existing));
      continue;
    }
    const isSame =
      wanted.domain.name === existing.domain &&
      JSON.stringify(canonicalReservation(wanted.each)) === JSON.stringify(existing.declared);
    if (!isSame) {
      plan.changes.push(deleteReservation(actor, existing));
      continue;
    }
    declared.delete(name);
    result.steps.push({ what: "reservation", name, change: "unchanged" });
  }
  const wishes = [...declared.values()].map(({ domain, each }) => {
    const pools = domain.pools.map((pool) => ({ declared: pool, geometry: geometryOf(pool) }));
    // The declared state was checked: each of its reservations is a pair of one of its pools.
    const { pool, number } = slotOfReservation(pools, each)!;
    return { pair: { domain: domain.name, pool: pool.declared.name, number }, declared: each };
  });
  const obstacles = await findObstacles(client, wishes);
  for (const [index, { pair, declared: each }] of wishes.entries()) {
    const existing = state.reservations.find((stored) => stored.declared.name === each.name);
    const reason = obstacleText(obstacles[index]!);
    const change = reason === undefined ? (existing === undefined ? "create" : "change") : "refuse";
    result.steps.push({
      what: "reservation",
      name: each.name,
      change,
      ...(reason !== undefined && { reason }),
    });
    const version = existing === undefined ? 1 : existing.version + 1;
    result.changes.push(createReservation(actor, pair, each, { force: false, version }));
  }
  return result;
}

/** Other reservations are no obstacle here: those that differ from the declared state go first. */
function obstacleText({ pairUntil, clientUntil }: ReservationObstacles): string | undefined {
  if (pairUntil !== undefined) return `someone else has the pair until ${formatDate(pairUntil)}`;
  if (clientUntil === undefined) return undefined;
  return `the client has a lease of another pair until ${formatDate(clientUntil)}`;
}

async function planUnnamed(
  client: Client,
  plan: Draft,
  { domains }: Declaration,
  state: State,
  { actor, unnamed }: ApplyOptions,
): Promise<void> {
  const names = new Set(domains.flatMap(({ pools }) => pools.map(({ name }) => name)));
  const pools = state.pools.filter(({ declared }) => !names.has(declared.name));
  const gone = state.domains.filter(({ name }) => !domains.some((each) => each.name === name));
  if (unnamed === "keep") {
    for (const { declared } of pools) plan.steps.push({ what: "pool", name: declared.name, change: "keep" });
    for (const { name } of gone) plan.steps.push({ what: "domain", name, change: "keep" });
    return;
  }
  const used = await poolsInUse(client, pools);
  for (const pool of pools) {
    const { name, drainUntil } = pool.declared;
    if (!used.has(pool.id)) {
      plan.steps.push({ what: "pool", name, change: "delete", reason: "nobody uses it" });
      plan.emptyPools.push(pool);
    } else if (drainUntil !== null) {
      plan.steps.push({ what: "pool", name, change: "unchanged", reason: `drained until ${drainUntil}` });
    } else {
      const { settings } = state.domains.find(({ id }) => id === pool.domainId)!;
      const until = formatDate(state.now + settings.leaseSeconds.max);
      plan.steps.push({
        what: "pool",
        name,
        change: "drain",
        reason: `its leases run until ${until} at most`,
      });
      plan.changes.push(changePool(actor, pool, { ...pool.declared, drainUntil: until }));
    }
  }
  for (const domain of gone) {
    const isUsed = state.pools.some(({ id, domainId }) => domainId === domain.id && used.has(id));
    const { name } = domain;
    const { tokens } = await usersOfDomain(client, domain.id);
    if (isUsed)
      plan.steps.push({ what: "domain", name, change: "keep", reason: "its pools are being drained" });
    else if (tokens.length > 0) {
      const reason = `token ${tokens.join(", ")} is restricted to it`;
      plan.steps.push({ what: "domain", name, change: "keep", reason });
    } else {
      plan.steps.push({ what: "domain", name, change: "delete", reason: "it has no pools" });
      plan.emptyDomains.push(domain);
    }
  }
}
