/**
 * Applies a declared state to all databases of an allocator. Each database gets the domains that are placed there, and
 * is checked against the others for collisions.
 *
 * If one database refuses the state, nothing is changed in any of them. Otherwise each database is changed in its own
 * transaction. If one becomes unreachable in between, some databases have the new state and others the old one;
 * applying the state again completes the change.
 *
 * @module
 */
import type { Declaration } from "../../declaration/declaration.ts";
import { allPlaces, isInScope } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { inSlices } from "../database/slices.ts";
import { assertAllDomains } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { applyTo } from "./apply.ts";
import type { Application } from "./apply.ts";
import { declarationOf, loadDeclaredState } from "./declared-state.ts";
import type { State } from "./declared-state.ts";
import { isPastDrain } from "./plan-pools.ts";
import { isRefused } from "./draft.ts";
import type { ApplyOptions, Draft, Elsewhere, Step, Target } from "./draft.ts";
import type { FileMode } from "./ownership.ts";
import { draftPlan } from "./plan.ts";
import { staleness } from "./precondition.ts";
import type { Precondition, Stale } from "./precondition.ts";
import { servedInSteps } from "../../declaration/served.ts";

/** The configuration and its revision. */
export interface Declared {
  /** Grows with each change. */
  readonly revision: number;
  readonly declaration: Declaration;
}

/** How a declared state is applied. */
export interface DeclarationOptions {
  /** What happens to domains and pools that the state does not name. */
  readonly unnamed: "keep" | "drain";
  /** The file that declares the state. Default: none. */
  readonly file?: FileMode | undefined;
  /** Accepts drain dates that are past, so that their pools are drained at once. Default: only from a file. */
  readonly force?: boolean | undefined;
  /** The revision that the caller requires. Default: any. */
  readonly precondition?: Precondition | undefined;
  /** The most changes that may be made. Default: any number. */
  readonly changesMax?: number | undefined;
}

/** A new date that is past. */
export interface PastDate {
  /** Path in the declared state. */
  readonly path: string;
  readonly date: string;
  /** The clock of its database, in Unix seconds. */
  readonly now: number;
}

/** Why a declared state is refused as a whole, whatever its steps are. */
export type DeclarationRefusal =
  /** There are too many changes for one transaction, which would keep others waiting. */
  | { readonly kind: "too-many-changes"; readonly changes: number }
  /** Pools are drained until dates that are past. */
  | { readonly kind: "past-dates"; readonly dates: readonly PastDate[] }
  /** The caller requires that no configuration exists, but one always exists. */
  | { readonly kind: "exists" }
  | Stale;

/** The steps that applying a declared state would take. */
export type DeclarationPlan =
  { readonly kind: "planned"; readonly steps: readonly Step[] } | DeclarationRefusal;

/** The outcome of applying a declared state. */
export type DeclarationApplication = Application | DeclarationRefusal;

/**
 * The configuration of all databases as one declared state. Every method throws a {@link TypeError} for a principal who
 * may not see all domains, and a {@link DatabaseError} when a database cannot be reached.
 */
export interface DeclarationStore {
  /** Reads the whole configuration. Applying it again changes nothing. */
  readonly read: (principal: Principal) => Promise<Declared>;
  /** Returns the steps that {@link apply} would take, without taking them. */
  readonly plan: (
    principal: Principal,
    declaration: Declaration,
    options: DeclarationOptions,
  ) => Promise<DeclarationPlan>;
  /** Changes all databases to match a state, or refuses the whole state. */
  readonly apply: (
    principal: Principal,
    declaration: Declaration,
    options: DeclarationOptions,
  ) => Promise<DeclarationApplication>;
}

/** The principal for the file that is given at the start of an allocator. */
export const filePrincipal: Principal = { name: "file", scope: "admin", domain: null };

/** Creates the store of the declared state. */
export function createDeclarationStore(databases: Databases): DeclarationStore {
  return {
    read: async (principal) => {
      assertAllDomains(principal, "read the whole configuration");
      const states = await Promise.all(allPlaces(databases).map(loadDeclaredState));
      return { revision: sumOf(states), declaration: declarationOf(states) };
    },
    plan: async (principal, declaration, options) => {
      assertAllDomains(principal, "change the whole configuration");
      const prepared = await prepare(databases, principal, declaration, options);
      if (prepared.kind !== "prepared") return prepared;
      return { kind: "planned", steps: prepared.shares.flatMap(({ draft }) => draft.steps) };
    },
    apply: async (principal, declaration, options) => {
      assertAllDomains(principal, "change the whole configuration");
      const prepared = await prepare(databases, principal, declaration, options);
      return prepared.kind === "prepared" ? applyAll(prepared) : prepared;
    },
  };
}

/** The part of a plan that concerns one database. */
interface Share extends Target {
  readonly declaration: Declaration;
  readonly draft: Draft;
}

interface Prepared {
  readonly kind: "prepared";
  readonly shares: readonly Share[];
  readonly options: ApplyOptions;
}

/** Makes the plans for all databases. */
async function prepare(
  databases: Databases,
  { name: actor }: Principal,
  declaration: Declaration,
  { unnamed, file, force = false, precondition, changesMax = Infinity }: DeclarationOptions,
): Promise<Prepared | DeclarationRefusal> {
  if (precondition?.mustBeNew === true) return { kind: "exists" };
  const places = allPlaces(databases);
  const states = await Promise.all(places.map(loadDeclaredState));
  const stale = precondition && staleness(precondition, sumOf(states));
  if (stale !== undefined) return stale;
  const past = force || file !== undefined ? [] : pastDrains(declaration, places, states);
  if (past.length > 0) return { kind: "past-dates", dates: past };
  const isAny = precondition?.versions === undefined || precondition.versions === "any";
  const revision = isAny ? undefined : sumOf(states);
  const options: ApplyOptions = { actor, unnamed, file, revision };
  // With one database there is no other one to compare with.
  const served = places.length === 1 ? new Map() : await inSlices(servedByAll(declaration, states));
  const shares = places.map(async (place, index) => {
    const share = shareOf(place, declaration, states, index, served);
    const draft = await draftPlan(share, share.declaration, options, states[index]);
    return { ...share, draft };
  });
  const prepared = await Promise.all(shares);
  const changes = prepared.reduce((sum, { draft }) => sum + draft.changes.length, 0);
  if (changes > changesMax) return { kind: "too-many-changes", changes };
  return { kind: "prepared", shares: prepared, options };
}

/** Finds the new drain dates that are past. A file may have them: its text stays the same while time passes. */
function pastDrains(
  { domains }: Declaration,
  places: readonly Place[],
  states: readonly State[],
): PastDate[] {
  const stored = new Map(
    states.flatMap(({ pools }) => pools.map(({ declared }) => [declared.name, declared.drainUntil])),
  );
  return domains.flatMap((domain, index) => {
    const { now } = states[places.findIndex(({ scope }) => isInScope(scope, domain.name))]!;
    return domain.pools.flatMap(({ name, drainUntil }, pool) =>
      drainUntil !== null && isPastDrain(drainUntil, stored.get(name), now)
        ? [{ path: `domains.${index}.pools.${pool}.drainUntil`, date: drainUntil, now }]
        : [],
    );
  });
}

/**
 * Selects the part of a declared state that concerns one database. Every database gets a share, because any of them may
 * have domains that the state does not name.
 */
function shareOf(
  place: Place,
  declaration: Declaration,
  states: readonly State[],
  index: number,
  served: Elsewhere["served"],
) {
  const isHere = ({ name }: { readonly name: string }) => isInScope(place.scope, name);
  const newDefault = declaration.domains.find((domain) => domain.default);
  return {
    place,
    declaration: { ...declaration, domains: declaration.domains.filter(isHere) },
    elsewhere: {
      pools: states.filter((_, other) => other !== index).flatMap(({ pools }) => pools),
      defaultDomain: newDefault === undefined || isHere(newDefault) ? undefined : newDefault.name,
      served,
    },
  };
}

/** Lists what all domains will serve. A domain that the state does not name serves until it is deleted. */
function* servedByAll(
  { domains }: Declaration,
  states: readonly State[],
): Generator<void, Elsewhere["served"]> {
  const declared = new Set(domains.map(({ name }) => name));
  const unnamed = states.flatMap((state) => state.domains.filter(({ name }) => !declared.has(name)));
  const names = new Map<string, string[]>();
  for (const { name, settings } of [
    ...domains.map((each) => ({ name: each.name, settings: each })),
    ...unnamed,
  ]) {
    for (const key of (yield* servedInSteps(settings)).keys()) {
      const found = names.get(key);
      if (found === undefined) names.set(key, [name]);
      else found.push(name);
    }
  }
  return names;
}

async function applyAll({ shares, options }: Prepared): Promise<Application> {
  const planned = shares.flatMap(({ draft }) => draft.steps);
  if (shares.some(({ draft }) => isRefused(draft))) return { kind: "refused", steps: planned };
  const done: Step[] = [];
  for (const { draft, declaration, ...target } of shares) {
    const revision = options.revision === undefined ? undefined : draft.revision;
    const application = await applyTo(target, declaration, { ...options, revision }, draft);
    if (application.kind !== "applied") return application;
    done.push(...application.steps);
  }
  return { kind: "applied", steps: done };
}

/** The revision of the whole configuration. It grows whenever the revision of a database grows. */
function sumOf(states: readonly State[]): number {
  return states.reduce((sum, { revision }) => sum + revision, 0);
}
