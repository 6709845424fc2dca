/**
 * The part of a plan that concerns the owners of domains: which steps an owner forbids, and who owns a domain afterwards.
 *
 * @module
 */
import type { Declaration, DomainDeclaration } from "../../declaration/declaration.ts";
import { geometryOf } from "../../declaration/pool-declaration.ts";
import type { ReservationDeclaration } from "../../declaration/reservation-declaration.ts";
import { findPair } from "../../portset/find-pair.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import type { Writer } from "../database/queries.ts";
import { canonicalReservation, settingsText } from "./declared.ts";
import type { StoredDomain } from "./declared.ts";
import type { State } from "./declared-state.ts";
import type { ApplyOptions, Draft, Step } from "./draft.ts";
import { claimDomain, releaseDomain } from "./domain-changes.ts";
import { ownedText } from "./ownership.ts";
import type { FileMode } from "./ownership.ts";
import { settingsOf } from "./plan-domains.ts";
import { isSamePool } from "./pool-changes.ts";

const changingSteps: readonly Step["change"][] = ["create", "change", "drain", "delete"];

/** Refuses the steps that the owners of their domains forbid, and makes the file the owner of what it names. */
export function withOwners(
  writer: Writer,
  draft: Draft,
  { domains }: Declaration,
  state: State,
  { actor, file }: ApplyOptions,
): Draft {
  const stored = new Map(state.domains.map((domain) => [domain.name, domain]));
  const steps = draft.steps.map((step) => checkOwner(step, stored.get(step.domain), file));
  if (file === undefined) return { ...draft, steps };
  const unowned = domains.filter(({ name }) => (stored.get(name)?.owner ?? null) === null);
  const claimed = new Set(unowned.map(({ name }) => name));
  return {
    ...draft,
    steps: steps.map((step) =>
      step.what === "domain" && step.change === "unchanged" && claimed.has(step.name)
        ? { ...step, reason: `file ${file.name} owns it from now on` }
        : step,
    ),
    changes: [...draft.changes, ...unowned.map(({ name }) => claimDomain(writer, actor, name, file.name))],
  };
}

function checkOwner(step: Step, stored: StoredDomain | undefined, file: FileMode | undefined): Step {
  if (stored === undefined || !changingSteps.includes(step.change)) return step;
  const { name, owner } = stored;
  const refused = (reason: string): Step => ({ ...step, change: "refuse", reason });
  if (owner !== null) return owner === file?.name ? step : refused(ownedText(name, owner));
  if (file === undefined) return step;
  if (file.mayOverwrite) {
    const reason = `it replaces what was set without file ${file.name}`;
    return { ...step, reason: step.reason === undefined ? reason : `${reason}; ${step.reason}` };
  }
  const differing = step.change === "create" ? "nothing of this name" : "other values";
  return refused(
    `found ${differing} in domain "${name}", which no file owns, expected what file ${file.name} declares; --config-mode own lets the file replace it, --config-mode create keeps it`,
  );
}

/** What a file with `--config-mode create` adds. */
interface Missing {
  readonly declaration: Declaration;
  /** Things that exist with other values, such as `pool north`. */
  readonly differing: ReadonlySet<string>;
}

/** Takes the values of existing things from the database, so that a declared state only adds what is missing. */
export function onlyMissing({ domains }: Declaration, state: State, file: FileMode): Missing {
  const differing = new Set<string>();
  const stored = new Map(state.domains.map((domain) => [domain.name, domain]));
  const declaration = {
    domains: domains.map((declared) =>
      missingOf(declared, stored.get(declared.name), state, file, differing),
    ),
  };
  return { declaration, differing };
}

function missingOf(
  declared: DomainDeclaration,
  stored: StoredDomain | undefined,
  state: State,
  file: FileMode,
  differing: Set<string>,
): DomainDeclaration {
  const { name } = declared;
  const isForeign = stored !== undefined && stored.owner !== null && stored.owner !== file.name;
  if (stored !== undefined && settingsText(stored.settings) !== settingsText(settingsOf(declared)))
    differing.add(`domain ${name}`);
  const poolsByName = new Map(state.pools.map((pool) => [pool.declared.name, pool]));
  const pools = declared.pools.flatMap((pool) => {
    const existing = poolsByName.get(pool.name);
    if (existing === undefined && !isForeign) return [pool];
    if (existing === undefined || !isSamePool(existing, name, pool)) differing.add(`pool ${pool.name}`);
    return existing?.domain === name ? [existing.declared] : [];
  });
  const reservationsByName = new Map(state.reservations.map((each) => [each.declared.name, each]));
  const taken = takenBy(state, name);
  const reservations = declared.reservations.flatMap((each) => {
    const existing = reservationsByName.get(each.name);
    const wanted = canonicalReservation(each);
    const fits = pools.some((pool) => hasRoom(pool, wanted));
    if (existing === undefined && !isForeign && fits && !keysOf(wanted).some((key) => taken.has(key)))
      return [each];
    const isSame = existing?.domain === name && JSON.stringify(existing.declared) === JSON.stringify(wanted);
    if (!isSame) differing.add(`reservation ${each.name}`);
    return existing?.domain === name ? [existing.declared] : [];
  });
  return { ...declared, ...stored?.settings, name, pools, reservations };
}

/** @returns Whether a pool has the pair of a reservation, and is not drained. */
function hasRoom(
  pool: DomainDeclaration["pools"][number],
  { address, psid }: ReservationDeclaration,
): boolean {
  const named = [{ name: pool.name, geometry: geometryOf(pool) }];
  return pool.drainUntil === null && findPair(named, parseIPv4(address), psid) !== undefined;
}

const keysOf = ({ address, psid, clientIdentifier }: ReservationDeclaration) => [
  `${address} ${psid}`,
  clientIdentifier,
];

/** The pairs and clients of the reservations of a domain. */
function takenBy({ reservations }: State, domainName: string): ReadonlySet<string> {
  return new Set(
    reservations.filter(({ domain }) => domain === domainName).flatMap(({ declared }) => keysOf(declared)),
  );
}

/** Explains what is kept although the file differs, and releases the domains that the file owned. */
export function withReleases(
  writer: Writer,
  draft: Draft,
  original: Declaration,
  { differing }: Missing,
  state: State,
  { actor }: ApplyOptions,
  file: FileMode,
): Draft {
  const key = ({ what, name }: Pick<Step, "what" | "name">) => `${what} ${name}`;
  const reason = `it differs from file ${file.name}, which only creates what is missing`;
  const owned = state.domains.filter(
    ({ name, owner }) => owner === file.name && original.domains.some((each) => each.name === name),
  );
  const released = new Set(owned.map(({ name }) => name));
  const steps = draft.steps.map((step): Step => {
    if (step.change !== "unchanged" && step.change !== "keep") return step;
    if (differing.has(key(step))) return { ...step, change: "keep", reason };
    const isReleased = step.what === "domain" && released.has(step.name);
    return isReleased ? { ...step, reason: `file ${file.name} no longer owns it` } : step;
  });
  const known = new Set(steps.map(key));
  const left = original.domains.flatMap(({ name: domain, pools, reservations }) => [
    ...pools.map(({ name }) => ({ what: "pool", name, domain }) as const),
    ...reservations.map(({ name }) => ({ what: "reservation", name, domain }) as const),
  ]);
  const omitted = left
    .filter((each) => !known.has(key(each)))
    .map((each): Step => ({ ...each, change: "keep", reason }));
  return {
    ...draft,
    steps: [...steps, ...omitted],
    changes: [...draft.changes, ...owned.map((each) => releaseDomain(writer, actor, each))],
  };
}
