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
import * as v from "valibot";
import { formatDate } from "../lease/dates.ts";
import { declarationSchema } from "../lease/declaration.ts";
import type { Declaration, DomainDeclaration } from "../lease/declaration.ts";
import { domainSettingsFields } from "../lease/domain-settings.ts";
import { geometryOf } from "../lease/pool-declaration.ts";
import { applyAttemptsMax } from "../limits.ts";
import { commitAll, commitChange } from "./change.ts";
import type { Change } from "./change.ts";
import { isInScope } from "./databases.ts";
import type { Place, Scope } from "./databases.ts";
import {
  canonicalReservation,
  domainColumns,
  domainOfRow,
  poolColumns,
  poolOfRow,
  poolParameters,
  reservationColumns,
  reservationOfRow,
  settingsText,
  slotOfReservation,
} from "./declared.ts";
import type { StoredDomain, StoredPool, StoredReservation } from "./declared.ts";
import { changeDomain, createDomain, deleteDomain, findDomain, usersOfDomain } from "./domains.ts";
import { changePool, createPool, deletePool, fixedDifferences, poolsInUse } from "./pools.ts";
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

/** Options of {@link planDeclaration} and {@link applyDeclaration}. */
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
    const plan = await draft(client, declaration, options);
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
  const { revision, steps } = await draft(client, declaration, options);
  return { revision, steps };
}

/** All that is configured. */
interface State {
  readonly revision: number;
  readonly domains: readonly StoredDomain[];
  readonly pools: readonly StoredPool[];
  readonly reservations: readonly StoredReservation[];
  /** Pools that do not count, and are in the way all the same: of domains that were moved, and of other databases. */
  readonly otherPools: readonly StoredPool[];
}

async function loadState(
  client: Client,
  { scope, elsewhere }: Pick<ApplyOptions, "scope" | "elsewhere">,
): Promise<State> {
  const [revisions, domains, pools, reservations] = await client.batch(
    [
      "SELECT revision FROM configuration",
      `SELECT ${domainColumns} FROM domain d ORDER BY d.name`,
      `SELECT ${poolColumns} FROM pool p JOIN domain d ON d.id = p.domain_id ORDER BY p.name`,
      `SELECT ${reservationColumns} FROM reservation r JOIN pool p ON p.id = r.pool_id
        JOIN domain d ON d.id = r.domain_id ORDER BY r.name`,
    ],
    "read",
  );
  const counts = (domain: string): boolean => scope === undefined || isInScope(scope, domain);
  const allPools = pools!.rows.map(poolOfRow);
  return {
    revision: Number(revisions!.rows[0]!.revision),
    domains: domains!.rows.map(domainOfRow).filter(({ name }) => counts(name)),
    pools: allPools.filter(({ domain }) => counts(domain)),
    reservations: reservations!.rows.map(reservationOfRow).filter(({ domain }) => counts(domain)),
    otherPools: [...allPools.filter(({ domain }) => !counts(domain)), ...(elsewhere?.pools ?? [])],
  };
}

/** A configuration, and the revision that it is of. */
export interface Declared {
  readonly revision: number;
  readonly declaration: Declaration;
}

/**
 * Reads the whole configuration as a declared state: what applied again changes nothing.
 *
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function readDeclared({ database, scope }: Place): Promise<Declared> {
  const { revision, ...state } = await loadState(database, { scope });
  const domains = state.domains.map(({ name, settings }) => ({
    name,
    ...settings,
    pools: state.pools.filter(({ domain }) => domain === name).map(({ declared }) => declared),
    reservations: state.reservations.filter(({ domain }) => domain === name).map(({ declared }) => declared),
  }));
  return { revision, declaration: v.parse(declarationSchema, { domains }) };
}

/** A plan with the changes that carry it out. */
interface Draft extends Plan {
  readonly steps: Step[];
  /** For one transaction, in their order. */
  readonly changes: Change[];
  /** To be deleted behind it. */
  readonly emptyPools: StoredPool[];
  readonly emptyDomains: StoredDomain[];
}

async function draft(client: Client, declaration: Declaration, options: ApplyOptions): Promise<Draft> {
  const state = await loadState(client, options);
  const plan: Draft = {
    ...{ revision: state.revision, steps: [], changes: [] },
    ...{ emptyPools: [], emptyDomains: [] },
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
      ...{ what: "domain", name },
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
      ...{ what: "reservation", name: each.name, change },
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
  const now = Math.floor(Date.now() / 1000);
  for (const pool of pools) {
    const { name, drainUntil } = pool.declared;
    if (!used.has(pool.id)) {
      plan.steps.push({ what: "pool", name, change: "delete", reason: "nobody uses it" });
      plan.emptyPools.push(pool);
    } else if (drainUntil !== null) {
      plan.steps.push({ what: "pool", name, change: "unchanged", reason: `drained until ${drainUntil}` });
    } else {
      const { settings } = state.domains.find(({ id }) => id === pool.domainId)!;
      const until = formatDate(now + settings.leaseSeconds.max);
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

/** A domain that has got a token meanwhile, or whose pools are not gone yet, stays. */
async function commitDomains(client: Client, actor: string, domains: readonly StoredDomain[]): Promise<void> {
  for (const { name } of domains) {
    const domain = await findDomain(client, name);
    if (domain !== undefined) await commitChange(client, deleteDomain(actor, domain));
  }
}
