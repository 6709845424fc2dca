/**
 * The store of leases: they are found by what is known of them, read by their name, ended and moved by hand.
 *
 * @module
 */
import { isOpen, onlySlot } from "../../lease/domain.ts";
import type { Directory, Domain } from "../../lease/domain.ts";
import { findPair } from "../../portset/find-pair.ts";
import { slotKey } from "../../portset/slot-key.ts";
import { auditOfLast } from "../configuration/audit.ts";
import { loadPlace } from "../configuration/directory.ts";
import { findIn } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { placesFor } from "../database/places-for.ts";
import type { Principal } from "../principal.ts";
import { findLeases } from "./find-leases.ts";
import type { LeasePage, LeasePageRequest, LeaseQuery } from "./find-leases.ts";
import { moveLease, releaseLease } from "./lease-changes.ts";
import type { LeaseHandle } from "./lease-changes.ts";
import type { LeaseRecord } from "./lease-rows.ts";
import { searchLeases } from "./lease-search.ts";
import type { SlotState } from "./slot-state.ts";
import { domainOfLease, formatLeaseId, parseLeaseId, placeLease, versionLease } from "./stored-lease.ts";
import type { StoredLease, VersionedLease } from "./stored-lease.ts";

/** A change of a lease that is asked for. */
export interface LeaseChangeRequest {
  /** The version that the lease must have; undefined and "any" for all versions. */
  readonly version: number | "any" | undefined;
  /** Describes the lease as it was before, for the record in `audit`. */
  readonly describe: (lease: StoredLease) => unknown;
}

/** Why a lease was not changed. Nothing was changed then. */
export type LeaseRefusal =
  | { readonly kind: "not-found" }
  /** The lease has another version than the one that was asked for. */
  | { readonly kind: "version-conflict"; readonly version: number }
  /** Neither a lease nor an offer runs. */
  | { readonly kind: "not-running"; readonly state: SlotState }
  /** The lease changed between the check and the change. */
  | { readonly kind: "changed-meanwhile" };

/** What came of a release: the lease as it is now, or why it was refused. */
export type ReleaseResult = { readonly kind: "changed"; readonly lease: VersionedLease } | LeaseRefusal;

/** What came of a move: the lease of the target, or why it was refused. */
export type MoveResult =
  | ReleaseResult
  /** No pool of the domain has the pair that the lease should move to, or the pool is drained. */
  | { readonly kind: "no-such-pair"; readonly domain: string }
  /** The pair of the lease is reserved for its client. */
  | { readonly kind: "reserved" }
  /** The pair that the lease should move to is not free. */
  | { readonly kind: "target-taken" };

/** The pair that a lease moves to. */
export interface MoveTarget {
  /** IPv4 address, unsigned. */
  readonly address: number;
  /** Null for a whole address. */
  readonly psid: number | null;
}

/** Leases of all databases. */
export interface LeaseStore {
  /**
   * Finds leases, in the order of databases, pools and slots.
   *
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly find: (principal: Principal, query: LeaseQuery, page: LeasePageRequest) => Promise<LeasePage>;
  /**
   * Reads one lease.
   *
   * @param id Its name: address, or address and PSID.
   * @returns Undefined when nobody has or had the pair, or the caller may not see it.
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly read: (principal: Principal, id: string) => Promise<VersionedLease | undefined>;
  /**
   * Ends a lease or an offer as a DHCPRELEASE of its client would.
   *
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly release: (principal: Principal, id: string, request: LeaseChangeRequest) => Promise<ReleaseResult>;
  /**
   * Moves a running lease to another pair of its domain that is free.
   *
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly move: (
    principal: Principal,
    id: string,
    target: MoveTarget,
    request: LeaseChangeRequest,
  ) => Promise<MoveResult>;
}

/** Creates the store of leases. */
export function createLeaseStore(databases: Databases): LeaseStore {
  return {
    find: (principal, query, page) => findLeases(databases, principal, query, page),
    read: async (principal, id) => {
      const located = await locate(databases, principal, id);
      return located && versionLease(located.directory, located.lease);
    },
    release: (principal, id, request) => release(databases, principal, id, request),
    move: (principal, id, target, request) => move(databases, principal, id, target, request),
  };
}

/** A lease, and where it was found. */
interface LocatedLease {
  readonly place: Place;
  readonly directory: Directory;
  readonly lease: LeaseRecord;
}

async function locate(
  databases: Databases,
  principal: Principal,
  id: string,
): Promise<LocatedLease | undefined> {
  const located = await findIn(placesFor(databases, principal), async (place) => {
    const directory = await loadPlace(place);
    const slot = parseLeaseId(directory, id);
    return slot === undefined ? undefined : { directory, slot };
  });
  if (located === undefined) return undefined;
  const { place, found } = located;
  const { directory, slot } = found;
  const filter = { domainIds: directory.domains.map((each) => each.id), slots: onlySlot(slot) };
  const { leases } = await searchLeases(place.database, filter, { after: undefined, limit: 1 });
  const [lease] = leases;
  return lease && { place, directory, lease };
}

/** A lease that may be changed, or why it may not. */
type Changeable =
  | (LocatedLease & { readonly kind: "changeable"; readonly domain: Domain; readonly handle: LeaseHandle })
  | LeaseRefusal;

async function findChangeable(
  databases: Databases,
  principal: Principal,
  id: string,
  { version }: LeaseChangeRequest,
): Promise<Changeable> {
  const located = await locate(databases, principal, id);
  if (located === undefined) return { kind: "not-found" };
  const { directory, lease } = located;
  const conflict = await versionConflict(directory, lease, version);
  if (conflict !== undefined) return conflict;
  const { slot, clientId, since, state } = lease;
  if (clientId === null || (state !== "bound" && state !== "offered")) return { kind: "not-running", state };
  const domain = domainOfLease(directory, lease);
  return { kind: "changeable", ...located, domain, handle: { slot, clientId, since } };
}

async function versionConflict(
  directory: Directory,
  lease: LeaseRecord,
  expected: LeaseChangeRequest["version"],
): Promise<{ readonly kind: "version-conflict"; readonly version: number } | undefined> {
  if (typeof expected !== "number") return undefined;
  const { version } = await versionLease(directory, lease);
  return version === expected ? undefined : { kind: "version-conflict", version };
}

async function release(
  databases: Databases,
  principal: Principal,
  id: string,
  request: LeaseChangeRequest,
): Promise<ReleaseResult> {
  const found = await findChangeable(databases, principal, id, request);
  if (found.kind !== "changeable") return found;
  const { place, directory, domain, handle } = found;
  const audit = recordOf(principal, "release", found, request, { state: "quarantined" });
  const { isDone, lease } = await releaseLease(place.database, handle, domain.quarantineSeconds, audit);
  if (lease === undefined) return { kind: "not-found" };
  if (isDone) return { kind: "changed", lease: await versionLease(directory, lease) };
  return (await versionConflict(directory, lease, request.version)) ?? { kind: "changed-meanwhile" };
}

async function move(
  databases: Databases,
  principal: Principal,
  id: string,
  { address, psid }: MoveTarget,
  request: LeaseChangeRequest,
): Promise<MoveResult> {
  const found = await findChangeable(databases, principal, id, request);
  if (found.kind !== "changeable") return found;
  const { place, directory, domain, handle } = found;
  const pair = findPair(domain.pools.filter(isOpen), address, psid);
  if (pair === undefined) return { kind: "no-such-pair", domain: domain.name };
  const slot = slotKey(pair.pool.id, pair.number);
  const audit = recordOf(principal, "move", found, request, { movedTo: formatLeaseId(directory, slot) });
  const outcome = await moveLease(place.database, handle, slot, domain.quarantineSeconds, audit);
  const { isDone, lease, target } = outcome;
  if (isDone && target !== undefined)
    return { kind: "changed", lease: await versionLease(directory, target) };
  if (lease === undefined) return { kind: "not-found" };
  const conflict = await versionConflict(directory, lease, request.version);
  if (conflict !== undefined) return conflict;
  if (lease.isReserved) return { kind: "reserved" };
  return { kind: target === undefined || target.state === "free" ? "changed-meanwhile" : "target-taken" };
}

function recordOf(
  principal: Principal,
  action: string,
  { directory, domain, lease }: LocatedLease & { readonly domain: Domain },
  { describe }: LeaseChangeRequest,
  after: unknown,
) {
  const before = placeLease(directory, lease);
  return auditOfLast({
    actor: principal.name,
    action,
    resource: "lease",
    name: before.id,
    domain: domain.name,
    before: describe(before),
    after,
  });
}
