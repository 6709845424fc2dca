/**
 * A declared state for all databases of an allocator: each gets the domains that are placed there, and knows of the
 * others what it must not collide with.
 *
 * What is refused in one is refused in all, before anything is changed. Then each is changed in a transaction of its
 * own, so that of several databases some may have the new state and some not, when one is away meanwhile. Applying it
 * again does the rest.
 *
 * @module
 */
import type { Declaration } from "../../declaration/declaration.ts";
import { ApplyError, applyDeclaration, RevisionError } from "./apply.ts";
import { allPlaces, isInScope } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { readDeclared } from "./declared-state.ts";
import type { Declared } from "./declared-state.ts";
import { planDeclaration } from "./plan.ts";
import type { ApplyOptions, Elsewhere, Plan, Step } from "./plan.ts";
import { listPools } from "./pools.ts";

/** Who does it, and what becomes of what the state does not name. */
export type PlacedApplyOptions = Pick<ApplyOptions, "actor" | "unnamed" | "revision">;

/** What is to be done in one database. */
interface Share {
  readonly place: Place;
  readonly declaration: Declaration;
  readonly elsewhere: Elsewhere;
}

/**
 * Reads the configuration of all databases. Its revision grows with that of each.
 *
 * @throws {LibsqlError} When one cannot be reached.
 */
export async function readPlaced(databases: Databases): Promise<Declared> {
  const all = await Promise.all(allPlaces(databases).map(readDeclared));
  const domains = all.flatMap(({ declaration }) => declaration.domains);
  return {
    revision: all.reduce((sum, { revision }) => sum + revision, 0),
    declaration: { ...all[0]!.declaration, domains: domains.sort((a, b) => (a.name < b.name ? -1 : 1)) },
  };
}

/**
 * Says what an application would do, and does nothing.
 *
 * @throws {LibsqlError} When a database cannot be reached.
 */
export async function planPlaced(
  databases: Databases,
  declaration: Declaration,
  options: PlacedApplyOptions,
): Promise<Plan> {
  const plans = await planAll(await divide(databases, declaration), options);
  return {
    revision: plans.reduce((sum, { revision }) => sum + revision, 0),
    steps: plans.flatMap(({ steps }) => steps),
  };
}

/**
 * Makes all databases hold the state, as {@link applyDeclaration} does with one.
 *
 * @returns What was done.
 * @throws {ApplyError} When something is refused.
 * @throws {RevisionError} When the configuration is not the one that the options name.
 * @throws {LibsqlError} When a database cannot be reached.
 */
export async function applyPlaced(
  databases: Databases,
  declaration: Declaration,
  options: PlacedApplyOptions,
): Promise<readonly Step[]> {
  const shares = await divide(databases, declaration);
  const [only, ...others] = shares as [Share, ...Share[]];
  if (others.length === 0) return applyDeclaration(only.place.database, declaration, options);
  const plans = await planAll(shares, options);
  const steps = plans.flatMap((plan) => plan.steps);
  const revision = plans.reduce((sum, plan) => sum + plan.revision, 0);
  if (options.revision !== undefined && options.revision !== revision) throw new RevisionError(revision);
  if (steps.some(({ change }) => change === "refuse")) throw new ApplyError(steps);
  const done: Step[] = [];
  for (const [index, share] of shares.entries()) {
    const expected = options.revision === undefined ? undefined : plans[index]!.revision;
    done.push(
      ...(await applyDeclaration(share.place.database, share.declaration, {
        ...optionsOf(share, options),
        revision: expected,
      })),
    );
  }
  return done;
}

/** A database without domains of the state may have some that it does not name: each has a share. */
async function divide(databases: Databases, declaration: Declaration): Promise<Share[]> {
  const places = allPlaces(databases);
  if (places.length === 1) {
    return [{ place: places[0], declaration, elsewhere: { pools: [], defaultDomain: undefined } }];
  }
  const everything = { limit: Number.MAX_SAFE_INTEGER, after: undefined };
  const filters = { kind: undefined, draining: undefined, address: undefined };
  const pools = await Promise.all(places.map((place) => listPools(place, { ...everything, ...filters })));
  return places.map((place, index) => {
    const isHere = ({ name }: { readonly name: string }) => isInScope(place.scope, name);
    const heir = declaration.domains.find((domain) => domain.default);
    return {
      place,
      declaration: { ...declaration, domains: declaration.domains.filter(isHere) },
      elsewhere: {
        pools: pools.filter((_, other) => other !== index).flat(),
        defaultDomain: heir === undefined || isHere(heir) ? undefined : heir.name,
      },
    };
  });
}

function planAll(shares: readonly Share[], options: PlacedApplyOptions): Promise<Plan[]> {
  return Promise.all(
    shares.map((share) =>
      planDeclaration(share.place.database, share.declaration, optionsOf(share, options)),
    ),
  );
}

function optionsOf({ place, elsewhere }: Share, { actor, unnamed }: PlacedApplyOptions): ApplyOptions {
  return { actor, unnamed, scope: place.scope, elsewhere };
}
