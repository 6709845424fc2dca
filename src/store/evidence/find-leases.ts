/**
 * Searches for leases in all databases.
 *
 * @module
 */
import { findAddressPool, findAddressSlots, hasSlot, onlySlot } from "../../lease/domain.ts";
import type { Directory, Pool } from "../../lease/domain.ts";
import { slotOfPort } from "../../portset/find-pair.ts";
import { slotKey } from "../../portset/slot-key.ts";
import { loadPlace } from "../configuration/directory.ts";
import type { Databases, Place } from "../database/databases.ts";
import { placesFor } from "../database/places-for.ts";
import { canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { beforeAllSlots, searchLeases } from "./lease-search.ts";
import type { LeaseFilter } from "./lease-search.ts";
import type { SlotState } from "./slot-state.ts";
import { placeLease } from "./stored-lease.ts";
import type { StoredLease } from "./stored-lease.ts";

/** The criteria of a search. A lease must match all of them. */
export interface LeaseQuery {
  /** Names of a domain and of a pool. */
  readonly domain?: string | undefined;
  readonly pool?: string | undefined;
  /** IPv4 address, unsigned. */
  readonly address?: number | undefined;
  /** Used with `address`: the port set of the lease contains this port. */
  readonly port?: number | undefined;
  /** Octets of option 61. */
  readonly clientId?: Uint8Array | undefined;
  /** DUID in the client identifier (RFC 4361). */
  readonly duid?: Uint8Array | undefined;
  readonly softwire?: Uint8Array | undefined;
  readonly source?: Uint8Array | undefined;
  readonly site?: string | undefined;
  readonly state?: SlotState | undefined;
  /** Unix seconds: the lease expires at `expiresFrom` or later, and before `expiresBefore`. */
  readonly expiresFrom?: number | undefined;
  readonly expiresBefore?: number | undefined;
}

/** The start of a page: the index of the database, and the slot after which the search continues. */
export type LeasePosition = readonly [database: number, slot: number];

/** The page of leases to return. */
export interface LeasePageRequest {
  /** Undefined for the first page. */
  readonly after: LeasePosition | undefined;
  /** Maximum number of leases. */
  readonly limit: number;
}

/** The result of a search. Only the last page has null as `next`; any page may be empty. */
export type LeasePage =
  | { readonly kind: "page"; readonly leases: readonly StoredLease[]; readonly next: LeasePosition | null }
  | { readonly kind: "no-domain" }
  | { readonly kind: "no-pool" };

/** A place to search, and its domains. */
interface Section {
  readonly place: Place;
  readonly directory: Directory;
}

/**
 * Finds leases, in the order of databases, pools and slots.
 *
 * @throws {DatabaseError} When a database cannot be reached.
 */
export async function findLeases(
  databases: Databases,
  principal: Principal,
  query: LeaseQuery,
  page: LeasePageRequest,
): Promise<LeasePage> {
  const { domain, pool } = query;
  if (domain !== undefined && !canAccess(principal, domain)) return { kind: "no-domain" };
  const sections = await Promise.all(
    placesFor(databases, principal, domain).map(async (place) => ({
      place,
      directory: await loadPlace(place),
    })),
  );
  const domains = sections.flatMap(({ directory }) => directory.domains);
  if (domain !== undefined && domains.length === 0) return { kind: "no-domain" };
  const hasPool = domains.some(({ pools }) => pools.some(({ name }) => name === pool));
  if (pool !== undefined && !hasPool) return { kind: "no-pool" };
  return findInSections(sections, query, page);
}

/** Searches the databases one after another, until the page is full. */
async function findInSections(
  sections: readonly Section[],
  query: LeaseQuery,
  { after = [0, beforeAllSlots], limit }: LeasePageRequest,
): Promise<LeasePage> {
  const leases: StoredLease[] = [];
  const [first, afterSlot] = after;
  for (let index = Math.max(0, first); index < sections.length; index++) {
    if (leases.length === limit) return { kind: "page", leases, next: [index, beforeAllSlots] };
    const { place, directory } = sections[index]!;
    const filter = filterOf(directory, query);
    if (filter === undefined) continue;
    const request = { after: index === first ? afterSlot : beforeAllSlots, limit: limit - leases.length };
    const found = await searchLeases(place.database, filter, request);
    // A page shows nothing of pools that were created since the directory was read.
    const known = found.leases.filter(({ slot }) => hasSlot(directory, slot));
    leases.push(...known.map((lease) => placeLease(directory, lease)));
    if (found.next !== null) return { kind: "page", leases, next: [index, found.next] };
  }
  return { kind: "page", leases, next: null };
}

/** @returns The filter for one database; undefined when no lease in it can match. */
function filterOf({ domains }: Directory, query: LeaseQuery): LeaseFilter | undefined {
  const pools = domains.flatMap((domain) => domain.pools);
  const pool = pools.find(({ name }) => name === query.pool);
  if (query.pool !== undefined && pool === undefined) return undefined;
  const slots = slotsOf(pools, query);
  if (slots === null) return undefined;
  const { clientId, duid, softwire, source, site, state, expiresFrom, expiresBefore } = query;
  return {
    domainIds: domains.map(({ id }) => id),
    slots,
    poolId: pool?.id,
    clientId,
    duid,
    softwire,
    source,
    site,
    state,
    expiresFrom,
    expiresBefore,
  };
}

/** @returns The slots with the address and port; undefined if no address is given, null if no slot has it. */
function slotsOf(pools: readonly Pool[], { address, port }: LeaseQuery) {
  if (address === undefined) return undefined;
  const pool = findAddressPool(pools, address);
  if (pool === undefined || port === undefined) return findAddressSlots(pools, address) ?? null;
  const found = slotOfPort(pool.geometry, address, port);
  return found === undefined ? null : onlySlot(slotKey(pool.id, found.number));
}
