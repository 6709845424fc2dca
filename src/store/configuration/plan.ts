/**
 * Makes the plan that changes a database to match a declared state.
 *
 * @module
 */
import { and, eq, exists, gt, inArray, sql } from "drizzle-orm";
import type { Declaration } from "../../declaration/declaration.ts";
import { mapInSteps } from "../../declaration/steps.ts";
import { namesShownMax, obstacleSliceRequests } from "../../limits.ts";
import type { Database } from "../database/database.ts";
import { readerOf, writerOf } from "../database/queries.ts";
import { inSlices, yieldToEventLoop } from "../database/slices.ts";
import { accessToken, lease, LeaseState, pool } from "../database/schema.ts";
import { clockSeconds } from "../database/time.ts";
import { loadDeclaredState } from "./declared-state.ts";
import type { State } from "./declared-state.ts";
import type { ApplyOptions, Draft, Target } from "./draft.ts";
import { planDomains } from "./plan-domains.ts";
import { planPools } from "./plan-pools.ts";
import { planReservations, planRequest } from "./plan-reservations.ts";
import { onlyMissing, withOwners, withReleases } from "./plan-owners.ts";
import { drainUnnamed, keepUnnamed, splitUnnamed, unnamedOf } from "./plan-unnamed.ts";
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
  const state = known ?? (await loadDeclaredState(target.place));
  const writer = writerOf(target.place.database);
  const { file } = options;
  if (file?.mode !== "create") {
    const draft = await comparePlan(target, declaration, options, state);
    return withOwners(writer, draft, declaration, state, options);
  }
  const missing = onlyMissing(declaration, state, file);
  const draft = await comparePlan(target, missing.declaration, options, state);
  return withReleases(writer, draft, declaration, missing, state, options, file);
}

/** Compares a declared state with a database, whoever owns what. */
async function comparePlan(
  target: Target,
  declaration: Declaration,
  options: ApplyOptions,
  state: State,
): Promise<Draft> {
  const { database } = target.place;
  const writer = writerOf(database);
  const reservations = await inSlices(planReservations(writer, declaration, state, options));
  const unnamed = unnamedOf(declaration, state);
  const [toDrain, toKeep] = splitUnnamed(unnamed, state, options);
  const facts = await loadFacts(database, reservations.requests, toDrain);
  const domains = await inSlices(planDomains(writer, declaration, state, target, options));
  const pools = await inSlices(
    planPools(writer, declaration, state, target, options, reservations.remaining),
  );
  const former = new Map(state.reservations.map((each) => [each.declared.name, each]));
  const requests = await inSlices(
    mapInSteps([...reservations.requests.entries()], ([index, request]) =>
      planRequest(writer, request, facts.obstacles[index], former.get(request.declared.name), options),
    ),
  );
  const rest = drainUnnamed(writer, toDrain, facts, state, options);
  return {
    revision: state.revision,
    steps: [
      ...domains.steps,
      ...pools.map(({ step }) => step),
      ...reservations.steps,
      ...requests.map(({ step }) => step),
      ...rest.steps,
      ...keepUnnamed(toKeep, state),
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

/** Loads the facts: in no round trip if none are needed, in one up to {@link obstacleSliceRequests} reservations. */
async function loadFacts(
  database: Database,
  requests: readonly ReservationRequest[],
  { pools, domains }: Unnamed,
): Promise<PlanFacts> {
  if (requests.length + pools.length + domains.length === 0) {
    return { obstacles: [], used: new Set(), tokens: new Map(), leases: new Map() };
  }
  const reader = readerOf(database);
  const now = clockSeconds(database);
  const poolIds = pools.map(({ id }) => id);
  const domainIds = domains.map(({ id }) => id);
  const slices = slicesOf(requests, obstacleSliceRequests);
  const [used, tokens, leases, ...first] = await reader.batch([
    reader
      .select({ id: pool.id })
      .from(pool)
      .where(and(inArray(pool.id, poolIds), exists(selectUses(reader, pool.id, now)))),
    reader
      .select({ name: accessToken.name, domainId: accessToken.domainId })
      .from(accessToken)
      .where(inArray(accessToken.domainId, domainIds))
      .orderBy(accessToken.name),
    reader
      .select({ id: lease.poolId, count: sql<number>`count(*)` })
      .from(lease)
      .where(and(inArray(lease.poolId, poolIds), eq(lease.state, LeaseState.bound), gt(lease.expiresAt, now)))
      .groupBy(lease.poolId),
    ...(slices[0] ?? []).map((request) => selectObstacles(reader, request, now)),
  ]);
  const obstacles = first.map(([row]) => row);
  for (const slice of slices.slice(1)) {
    await yieldToEventLoop();
    const [one, ...others] = slice.map((request) => selectObstacles(reader, request, now));
    obstacles.push(...(await reader.batch([one!, ...others])).map(([row]) => row));
  }
  const namesOf = (id: number) => tokens.filter(({ domainId }) => domainId === id).map(({ name }) => name);
  return {
    obstacles,
    leases: new Map(leases.map(({ id, count }) => [id!, count])),
    used: new Set(used.map(({ id }) => id)),
    tokens: new Map(domainIds.map((id) => [id, namesOf(id).slice(0, namesShownMax)])),
  };
}

function slicesOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
