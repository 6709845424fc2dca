/**
 * Makes the plan that changes a database to match a declared state.
 *
 * @module
 */
import { and, exists, inArray } from "drizzle-orm";
import type { Declaration } from "../../declaration/declaration.ts";
import { namesShownMax } from "../../limits.ts";
import type { Database } from "../database/database.ts";
import { readerOf, writerOf } from "../database/queries.ts";
import { accessToken, pool } from "../database/schema.ts";
import { clockSeconds } from "../database/time.ts";
import { loadDeclaredState } from "./declared-state.ts";
import type { State } from "./declared-state.ts";
import type { ApplyOptions, Draft, Target } from "./draft.ts";
import { planDomains } from "./plan-domains.ts";
import { planPools } from "./plan-pools.ts";
import { planReservations, planRequest } from "./plan-reservations.ts";
import { drainUnnamed, keepUnnamed, unnamedOf } from "./plan-unnamed.ts";
import type { Unnamed, UnnamedFacts } from "./plan-unnamed.ts";
import { selectUses } from "./pool-changes.ts";
import { selectObstacles } from "./reservation-changes.ts";
import type { ReservationObstacles, ReservationRequest } from "./reservation-changes.ts";

/**
 * Compares a declared state with a database, without changing it.
 *
 * @param declaration Contains only domains that are in the scope of the place.
 * @param known The configuration of the database, if the caller has already loaded it.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function draftPlan(
  target: Target,
  declaration: Declaration,
  options: ApplyOptions,
  known?: State,
): Promise<Draft> {
  const { database } = target.place;
  const state = known ?? (await loadDeclaredState(target.place));
  const writer = writerOf(database);
  const reservations = planReservations(writer, declaration, state, options);
  const unnamed = unnamedOf(declaration, state);
  const toDrain: Unnamed = options.unnamed === "drain" ? unnamed : { pools: [], domains: [] };
  const facts = await loadFacts(database, reservations.requests, toDrain);
  const domains = planDomains(writer, declaration, state, target, options);
  const pools = declaration.domains.flatMap((domain) => planPools(writer, domain, state, target, options));
  const requests = reservations.requests.map((request, index) =>
    planRequest(writer, request, facts.obstacles[index], state, options),
  );
  const rest =
    options.unnamed === "drain" ? drainUnnamed(writer, unnamed, facts, state, options) : keepUnnamed(unnamed);
  return {
    revision: state.revision,
    steps: [
      ...domains.steps,
      ...pools.map(({ step }) => step),
      ...reservations.steps,
      ...requests.map(({ step }) => step),
      ...rest.steps,
    ],
    changes: [
      ...domains.changes,
      ...reservations.deletions,
      ...pools.flatMap(({ change }) => change ?? []),
      ...requests.map(({ change }) => change),
      ...rest.changes,
    ],
    emptyPools: rest.emptyPools,
    emptyDomains: rest.emptyDomains,
  };
}

interface PlanFacts extends UnnamedFacts {
  /** The obstacles of each request. */
  readonly obstacles: readonly (ReservationObstacles | undefined)[];
}

/** Loads the facts in one round trip, or none if no facts are needed. */
async function loadFacts(
  database: Database,
  requests: readonly ReservationRequest[],
  { pools, domains }: Unnamed,
): Promise<PlanFacts> {
  if (requests.length + pools.length + domains.length === 0) {
    return { obstacles: [], used: new Set(), tokens: new Map() };
  }
  const reader = readerOf(database);
  const now = clockSeconds(database);
  const poolIds = pools.map(({ id }) => id);
  const domainIds = domains.map(({ id }) => id);
  const [used, tokens, ...obstacles] = await reader.batch([
    reader
      .select({ id: pool.id })
      .from(pool)
      .where(and(inArray(pool.id, poolIds), exists(selectUses(reader, pool.id, now)))),
    reader
      .select({ name: accessToken.name, domainId: accessToken.domainId })
      .from(accessToken)
      .where(inArray(accessToken.domainId, domainIds))
      .orderBy(accessToken.name),
    ...requests.map((request) => selectObstacles(reader, request, now)),
  ]);
  const namesOf = (id: number) => tokens.filter(({ domainId }) => domainId === id).map(({ name }) => name);
  return {
    obstacles: obstacles.map(([row]) => row),
    used: new Set(used.map(({ id }) => id)),
    tokens: new Map(domainIds.map((id) => [id, namesOf(id).slice(0, namesShownMax)])),
  };
}
