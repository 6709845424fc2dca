/**
 * The store of leases, for operators: searches leases, finds them by name, ends and moves them.
 *
 * @module
 */
import { isOpen, onlySlot } from "../../lease/domain.ts";
import type { Directory, Domain } from "../../lease/domain.ts";
import { findPair } from "../../portset/find-pair.ts";
import { slotKey } from "../../portset/slot-key.ts";
import { auditOfLast } from "../configuration/audit.ts";
import { loadPlace } from "../configuration/directory.ts";
import { staleness } from "../configuration/precondition.ts";
import type { ChangeRefusal, Precondition, Stale } from "../configuration/precondition.ts";
import { findIn } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { placesFor } from "../database/places-for.ts";
import type { Principal } from "../principal.ts";
import { findLeases } from "./find-leases.ts";
import type { LeasePage, LeasePageRequest, LeaseQuery } from "./find-leases.ts";
import { endLease, moveLease } from "./lease-changes.ts";
import type { LeaseHandle } from "./lease-changes.ts";
import type { LeaseRecord } from "./lease-rows.ts";
import { searchLeases } from "./lease-search.ts";
import type { SlotState } from "./slot-state.ts";
import { domainOfLease, formatLeaseId, parseLeaseId, placeLease, versionLease } from "./stored-lease.ts";
import type { StoredLease, VersionedLease } from "./stored-lease.ts";

/** Describes a lease before a change, for its record in `audit`. */
export type DescribeLease = (lease: StoredLease) => unknown;

/** Why a lease was not changed. */
export type LeaseRefusal =
  | ChangeRefusal
  /** Neither a lease nor an offer is running; for a move, no lease is. */
  | { readonly kind: "not-running"; readonly state: SlotState };

/** The outcome of a release: the lease after it, or why the release was refused. */
export type LeaseRelease = { readonly kind: "changed"; readonly lease: VersionedLease } | LeaseRefusal;

/** The outcome of a move: the lease with its pending move, or why the move was refused. */
export type LeaseMove =
  | LeaseRelease
  /** No pool of the domain has the target pair, or the pool is drained. */
  | { readonly kind: "no-pair"; readonly domain: string }
  /** The pair of the lease is reserved for its client, or a reservation already moves the client. */
  | { readonly kind: "reserved" }
  /** The target pair is not free. */
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
   * Lists leases that match a query, ordered by database, pool and slot.
   *
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly list: (principal: Principal, query: LeaseQuery, page: LeasePageRequest) => Promise<LeasePage>;
  /**
   * Finds one lease.
   *
   * @param id The name of the lease: its address, or address and PSID.
   * @returns The lease; undefined when the pair was never leased, or the caller may not see it.
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly find: (principal: Principal, id: string) => Promise<VersionedLease | undefined>;
  /**
   * Ends a lease or an offer, like a DHCPRELEASE of its client.
   *
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly release: (
    principal: Principal,
    id: string,
    precondition: Precondition,
    describe: DescribeLease,
  ) => Promise<LeaseRelease>;
  /**
   * Moves a running lease to another pair of its domain, which must be free. The move is pending until the client is
   * told. A move to the present pair cancels a pending move.
   *
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly move: (
    principal: Principal,
    id: string,
    precondition: Precondition,
    target: MoveTarget,
    describe: DescribeLease,
  ) => Promise<LeaseMove>;
}

/** Creates the store of leases. */
export function createLeaseStore(databases: Databases): LeaseStore {
  return {
    list: (principal, query, page) => findLeases(databases, principal, query, page),
    find: async (principal, id) => {
      const located = await locate(databases, principal, id);
      return located && versionLease(located.directory, located.lease);
    },
    release: async (principal, id, precondition, describe) => {
      const found = await findChangeable(databases, principal, id, precondition);
      return found.kind === "changeable" ? release(principal, found, precondition, describe) : found;
    },
    move: async (principal, id, precondition, target, describe) => {
      const found = await findChangeable(databases, principal, id, precondition);
      return found.kind === "changeable" ? move(principal, found, precondition, target, describe) : found;
    },
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

/** A lease that may be changed. */
interface ChangeableLease extends LocatedLease {
  readonly kind: "changeable";
  readonly domain: Domain;
  readonly handle: LeaseHandle;
}

async function findChangeable(
  databases: Databases,
  principal: Principal,
  id: string,
  precondition: Precondition,
): Promise<ChangeableLease | LeaseRefusal> {
  const located = await locate(databases, principal, id);
  if (located === undefined) return { kind: "not-found" };
  const { directory, lease } = located;
  const stale = await stalenessOf(directory, lease, precondition);
  if (stale !== undefined) return stale;
  const { slot, clientId, since, state } = lease;
  if (clientId === null || (state !== "bound" && state !== "offered")) return { kind: "not-running", state };
  const domain = domainOfLease(directory, lease);
  return { kind: "changeable", ...located, domain, handle: { slot, clientId, since } };
}

async function stalenessOf(
  directory: Directory,
  lease: LeaseRecord,
  precondition: Precondition,
): Promise<Stale | undefined> {
  const { version } = await versionLease(directory, lease);
  return staleness(precondition, version);
}

async function release(
  principal: Principal,
  found: ChangeableLease,
  precondition: Precondition,
  describe: DescribeLease,
): Promise<LeaseRelease> {
  const { place, directory, domain, handle } = found;
  const audit = recordOf(principal, "release", found, describe, { state: "quarantined" });
  const { isDone, lease } = await endLease(place.database, handle, domain.quarantineSeconds, audit);
  if (lease === undefined) return { kind: "not-found" };
  if (isDone) return { kind: "changed", lease: await versionLease(directory, lease) };
  return (await stalenessOf(directory, lease, precondition)) ?? { kind: "changed-meanwhile" };
}

async function move(
  principal: Principal,
  found: ChangeableLease,
  precondition: Precondition,
  { address, psid }: MoveTarget,
  describe: DescribeLease,
): Promise<LeaseMove> {
  const { place, directory, domain, handle } = found;
  // The client of an offer has no pair yet that it could be moved from.
  if (found.lease.state === "offered") return { kind: "not-running", state: "offered" };
  const pair = findPair(domain.pools, address, psid);
  const isPresent = pair !== undefined && slotKey(pair.pool.id, pair.number) === handle.slot;
  if (pair === undefined || !(isOpen(pair.pool) || isPresent))
    return { kind: "no-pair", domain: domain.name };
  const slot = slotKey(pair.pool.id, pair.number);
  if (slot === found.lease.movesTo) {
    return { kind: "changed", lease: await versionLease(directory, found.lease) };
  }
  const audit = recordOf(principal, "move", found, describe, { movedTo: formatLeaseId(directory, slot) });
  const outcome = await moveLease(place.database, handle, slot, audit);
  const { isDone, lease, target, isMovedByReservation } = outcome;
  if (lease === undefined) return { kind: "not-found" };
  if (isDone) return { kind: "changed", lease: await versionLease(directory, lease) };
  const stale = await stalenessOf(directory, lease, precondition);
  if (stale !== undefined) return stale;
  if (lease.isReserved || isMovedByReservation) return { kind: "reserved" };
  return { kind: target === undefined || target.state === "free" ? "changed-meanwhile" : "target-taken" };
}

function recordOf(
  principal: Principal,
  action: string,
  { directory, domain, lease }: ChangeableLease,
  describe: DescribeLease,
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
