/**
 * A declared state for all databases of an allocator: each database gets the domains that are placed there, and is
 * checked against the others for collisions.
 *
 * If one database refuses the state, it is refused for all of them, before anything is changed. Then each database is
 * changed in its own transaction, so if one becomes unreachable meanwhile, some databases may have the new state and
 * others the old one. Applying the state again completes it.
 *
 * @module
 */
import type { Declaration } from "../../declaration/declaration.ts";
import { allPlaces, isInScope } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { assertAllDomains } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { applyTo } from "./apply.ts";
import type { Application } from "./apply.ts";
import { declarationOf, loadDeclaredState } from "./declared-state.ts";
import type { State } from "./declared-state.ts";
import { isRefused } from "./draft.ts";
import type { ApplyOptions, Draft, Step, Target } from "./draft.ts";
import { draftPlan } from "./plan.ts";
import { staleness } from "./precondition.ts";
import type { Precondition, Stale } from "./precondition.ts";

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
  /** The caller's statement about the revision that it read. Default: none. */
  readonly precondition?: Precondition | undefined;
}

/** Why a declared state is refused before it is examined. */
export type DeclarationRefusal =
  /** The caller requires that no configuration exists, but one always exists. */
  { readonly kind: "exists" } | Stale;

/** What an application would do. */
export type DeclarationPlan =
  { readonly kind: "planned"; readonly steps: readonly Step[] } | DeclarationRefusal;

/** The outcome of an application. */
export type DeclarationApplication = Application | DeclarationRefusal;

/**
 * The configuration of all databases as one declared state. It is for principals who may see all domains: for any other,
 * all methods throw a {@link TypeError}. Every method throws {@link DatabaseError} when a database cannot be reached.
 */
export interface DeclarationStore {
  /** Reads the whole configuration. Applying it again changes nothing. */
  readonly read: (principal: Principal) => Promise<Declared>;
  /** Returns what an application would do, without doing it. */
  readonly plan: (
    principal: Principal,
    declaration: Declaration,
    options: DeclarationOptions,
  ) => Promise<DeclarationPlan>;
  /** Changes all databases to match a state, or refuses it as a whole. */
  readonly apply: (
    principal: Principal,
    declaration: Declaration,
    options: DeclarationOptions,
  ) => Promise<DeclarationApplication>;
}

/** The principal that applies the file that an allocator is started with. */
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
  { unnamed, precondition }: DeclarationOptions,
): Promise<Prepared | DeclarationRefusal> {
  if (precondition?.mustBeNew === true) return { kind: "exists" };
  const places = allPlaces(databases);
  const states = await Promise.all(places.map(loadDeclaredState));
  const stale = precondition && staleness(precondition, sumOf(states));
  if (stale !== undefined) return stale;
  const revision = typeof precondition?.version === "number" ? precondition.version : undefined;
  const options: ApplyOptions = { actor, unnamed, revision };
  const shares = places.map(async (place, index) => {
    const share = shareOf(place, declaration, states, index);
    const draft = await draftPlan(share, share.declaration, options, states[index]);
    return { ...share, draft };
  });
  return { kind: "prepared", shares: await Promise.all(shares), options };
}

/** Every database has a share. Even one without domains of the state may have domains that the state does not name. */
function shareOf(place: Place, declaration: Declaration, states: readonly State[], index: number) {
  const isHere = ({ name }: { readonly name: string }) => isInScope(place.scope, name);
  const heir = declaration.domains.find((domain) => domain.default);
  return {
    place,
    declaration: { ...declaration, domains: declaration.domains.filter(isHere) },
    elsewhere: {
      pools: states.filter((_, other) => other !== index).flatMap(({ pools }) => pools),
      defaultDomain: heir === undefined || isHere(heir) ? undefined : heir.name,
    },
  };
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

/** The revision of the whole configuration: it grows whenever that of a database grows. */
function sumOf(states: readonly State[]): number {
  return states.reduce((sum, { revision }) => sum + revision, 0);
}
