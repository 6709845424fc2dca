/**
 * The part of a plan that concerns reservations.
 *
 * @module
 */
import { formatDate } from "../../declaration/dates.ts";
import type { Declaration } from "../../declaration/declaration.ts";
import { geometryOf } from "../../declaration/pool-declaration.ts";
import { mapInSteps } from "../../declaration/steps.ts";
import { findPair } from "../../portset/find-pair.ts";
import type { PoolGeometry } from "../../portset/pool-geometry.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import type { Writer } from "../database/queries.ts";
import type { Change } from "./change.ts";
import { findDifferences } from "./differences.ts";
import { canonicalReservation } from "./declared.ts";
import type { StoredReservation } from "./declared.ts";
import { keptBecause } from "./plan-unnamed.ts";
import type { Remaining } from "./plan-pools.ts";
import type { State } from "./declared-state.ts";
import type { ApplyOptions, Step } from "./draft.ts";
import { createReservation, deleteReservation } from "./reservation-changes.ts";
import type { ReservationObstacles, ReservationRequest } from "./reservation-changes.ts";

/** The plan for reservations. */
export interface ReservationPlan {
  /** Steps for reservations that are kept, deleted or unchanged. */
  readonly steps: Step[];
  /** They run first, because they may free a pair or a client for another reservation. */
  readonly deletions: Change[];
  /** Reservations to create after their pools. */
  readonly requests: readonly ReservationRequest[];
  /** The reservations that each pool will have. */
  readonly remaining: Remaining;
}

/** Compares the declared reservations with the reservations of the database. */
export function* planReservations(
  writer: Writer,
  { domains }: Declaration,
  state: State,
  { actor, unnamed }: ApplyOptions,
): Generator<void, ReservationPlan> {
  const steps: Step[] = [];
  const deletions: Change[] = [];
  const remaining = new Map<string, string[]>();
  const stays = (pool: string, name: string): void => {
    const names = remaining.get(pool);
    if (names === undefined) remaining.set(pool, [name]);
    else names.push(name);
  };
  const declared = new Map(
    domains.flatMap((domain) =>
      domain.reservations.map((each) => [each.name, { domain: domain.name, each }]),
    ),
  );
  const owners = new Map(state.domains.map(({ name, owner }) => [name, owner]));
  for (const existing of state.reservations) {
    const { name } = existing.declared;
    const wanted = declared.get(name);
    if (wanted === undefined) {
      const owner = owners.get(existing.domain) ?? null;
      const isKept = unnamed === "keep" || owner !== null;
      steps.push({
        what: "reservation",
        name,
        domain: existing.domain,
        ...(isKept ? { change: "keep", reason: keptBecause(owner) } : { change: "delete" }),
      });
      if (isKept) stays(existing.pool, name);
      else deletions.push(deleteReservation(writer, actor, existing));
      continue;
    }
    const isSame =
      wanted.domain === existing.domain &&
      JSON.stringify(canonicalReservation(wanted.each)) === JSON.stringify(existing.declared);
    if (!isSame) {
      deletions.push(deleteReservation(writer, actor, existing));
      continue;
    }
    declared.delete(name);
    stays(existing.pool, name);
    steps.push({ what: "reservation", name, domain: existing.domain, change: "unchanged" });
  }
  const geometries = new Map<string, readonly { readonly name: string; readonly geometry: PoolGeometry }[]>();
  for (const { name, pools } of domains) {
    const found = yield* mapInSteps(pools, (pool) => ({ name: pool.name, geometry: geometryOf(pool) }));
    geometries.set(name, found);
  }
  const requests = yield* mapInSteps([...declared.values()], ({ domain, each }) => {
    // The schema of the declared state ensures that each reservation names a pair of a declared pool.
    const { pool, number } = findPair(geometries.get(domain)!, parseIPv4(each.address), each.psid)!;
    stays(pool.name, each.name);
    return { pair: { domain, pool: pool.name, number }, declared: each };
  });
  return { steps, deletions, requests, remaining };
}

/**
 * Plans the creation of a reservation, unless an obstacle prevents it.
 *
 * @param existing The reservation of this name that it replaces, if any.
 */
export function planRequest(
  writer: Writer,
  request: ReservationRequest,
  obstacles: ReservationObstacles | undefined,
  existing: StoredReservation | undefined,
  { actor }: ApplyOptions,
): { readonly step: Step; readonly change: Change } {
  const { name } = request.declared;
  const { domain } = request.pair;
  const reason = obstacleText(obstacles);
  const version = existing === undefined ? 1 : existing.version + 1;
  return {
    step:
      reason === undefined
        ? {
            what: "reservation",
            name,
            domain,
            ...(existing === undefined
              ? { change: "create" }
              : { change: "change", fields: differences(existing, request) }),
          }
        : { what: "reservation", name, domain, change: "refuse", reason },
    change: createReservation(writer, actor, request, { force: false, version }),
  };
}

function differences(
  { domain, declared }: StoredReservation,
  { pair, declared: wanted }: ReservationRequest,
) {
  return findDifferences({ domain, ...declared }, { domain: pair.domain, ...canonicalReservation(wanted) });
}

/** Other reservations are not obstacles here: those that differ from the declared state are deleted first. */
function obstacleText(obstacles: ReservationObstacles | undefined): string | undefined {
  const { pairUntil = null, moveIsOwn = null, clientUntil = null } = obstacles ?? {};
  if (pairUntil !== null && moveIsOwn !== null) {
    return moveIsOwn === 1
      ? "a move of the client to this pair is pending, until the client is told"
      : `the pair is kept until ${formatDate(pairUntil)} for another client that moves to it`;
  }
  if (pairUntil !== null) return `another client has the pair until ${formatDate(pairUntil)}`;
  if (clientUntil === null) return undefined;
  return `the client has a lease of another pair until ${formatDate(clientUntil)}`;
}
