/**
 * Softwire domains (RFC 7596) with their pools and settings. `select-domain.ts` chooses the domain for a query.
 *
 * @module
 */
import { findPair, findPoolAt } from "../portset/find-pair.ts";
import type { PoolGeometry } from "../portset/pool-geometry.ts";
import { pairOf, slotsOfAddress } from "../portset/pool-geometry.ts";
import { numberOfSlot, poolOfSlot, slotKey } from "../portset/slot-key.ts";
import type { SlotRange } from "./claim.ts";
import type { IPv6Prefix } from "../wire/ipv6-address.ts";
import type { SiteSettings } from "./site.ts";
import type { SoftwireSettings } from "./softwire.ts";

/** An IPv4 range and its slots. Shared pools divide each address into port sets; full pools lease whole addresses. */
export interface Pool {
  readonly id: number;
  readonly name: string;
  readonly kind: "shared" | "full";
  readonly geometry: PoolGeometry;
  /** DHCP options for clients of this pool, including the options of the domain: code -> data. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  /** Unix seconds at which the last lease of a drained pool ends; null for an open pool. */
  readonly drainUntil: number | null;
}

/**
 * Checks whether a pool is open.
 *
 * @returns Whether the pool gives new leases, that is, whether it is not being drained.
 */
export function isOpen(pool: Pool): boolean {
  return pool.drainUntil === null;
}

/**
 * A subscriber line of an access network, as its relay identifies it. Interface-Ids are unique only within one relay,
 * so the relay's link-address is part of the name.
 */
export interface Line {
  readonly linkAddress: Uint8Array;
  readonly interfaceId: Uint8Array;
}

/** A domain as the rules need it. The store loads it. */
export interface Domain extends SiteSettings {
  readonly id: number;
  readonly name: string;
  /** Link-addresses and source addresses that belong to this domain. */
  readonly prefixes: readonly IPv6Prefix[];
  /** Lines that belong to this domain, even when a prefix of another domain covers their link-address. */
  readonly lines: readonly Line[];
  /** Serves the clients that no prefix of any domain covers. */
  readonly isDefault: boolean;
  /** Option 54: the address by which clients refer to this server. */
  readonly serverIdentifier: number;
  readonly leaseSeconds: { readonly default: number; readonly min: number; readonly max: number };
  readonly offerHoldSeconds: number;
  /** How long after the end of a lease no other client gets its pair. */
  readonly quarantineSeconds: number;
  /** Quarantine of a declined pair, in seconds: no client gets it. */
  readonly declineSeconds: number;
  /** Largest number of leases and offers of one customer site; null means no limit (R7618-10-02). */
  readonly siteLeasesMax: number | null;
  /** Gives full addresses even to clients that list option 159 (R7618-8.1-04). */
  readonly ignoresOption159: boolean;
  /** Accepts a REQUEST without option 159 as a request for the pair offered with that address (A3). */
  readonly acceptsRequestWithoutPortSet: boolean;
  /** Identifies clients without option 61 by their hardware address, and gives them only full addresses (A11). */
  readonly identifiesByHardwareAddress: boolean;
  /** Sends a NAK to an unknown RENEWING client instead of staying silent (RFC 2131 §4.3.2 leaves the choice). */
  readonly refusesUnknownRenewals: boolean;
  /** Answers a DISCOVER that has option 80 with a lease (RFC 4039). Only for a link that no other server serves. */
  readonly rapidCommit: boolean;
  /** Sends a NAK to an INIT-REBOOT client whose IPv6 source differs from that of its lease (R7618-6-11, A10). */
  readonly rebootNeedsSameSource: boolean;
  /** Its border relays are in option 90, its prefix in option 137. */
  readonly softwire: SoftwireSettings & {
    /** Minimum time between two changes of a client's softwire address, in seconds (R8539-8.1-02). */
    readonly updateIntervalSeconds: number;
  };
  /** DHCP options for clients whose address is in no pool: code -> data. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  readonly pools: readonly Pool[];
  readonly sharedPools: readonly Pool[];
  readonly fullPools: readonly Pool[];
}

/** All domains of a database, at one revision of its configuration. */
export interface Directory {
  readonly revision: number;
  readonly domains: readonly Domain[];
  readonly poolsById: ReadonlyMap<number, Pool>;
  /** Border relays of all domains of the database, in hexadecimal. */
  readonly borderRelays: ReadonlySet<string>;
}

/** A pair as messages express it: an address and, when it is shared, a port set (RFC 7618 §8). */
export interface Pair {
  readonly address: number;
  /** Absent for a full address. */
  readonly portSet?: { readonly psidOffset: number; readonly psidLength: number; readonly psid: number };
}

/**
 * Finds the slot of a pair in a domain's pools. Offset and length must equal those of the pool (A5): with another
 * offset or length, the PSID would mean other ports.
 *
 * @param pools Pools to search.
 * @param pair The pair to find.
 * @returns The key of the slot, or undefined when no pool contains the pair.
 */
export function findSlotKey(pools: readonly Pool[], pair: Pair): number | undefined {
  const { address, portSet } = pair;
  const found = findPair(pools, address, portSet?.psid ?? null);
  if (found === undefined) return undefined;
  const { pool, number } = found;
  const { psidOffset, psidLength } = pool.geometry;
  if (portSet !== undefined && (portSet.psidOffset !== psidOffset || portSet.psidLength !== psidLength)) {
    return undefined;
  }
  return slotKey(pool.id, number);
}

/**
 * Finds the pool whose range contains an address.
 *
 * @param pools Pools to search.
 * @param address IPv4 address, as an unsigned 32-bit integer.
 * @returns The pool, or undefined when no range contains the address.
 */
export function findAddressPool(pools: readonly Pool[], address: number): Pool | undefined {
  return findPoolAt(pools, address);
}

/**
 * Finds all slots of an address.
 *
 * @param pools Pools to search.
 * @param address IPv4 address, as an unsigned 32-bit integer.
 * @returns The range of slot keys, or undefined when no pool contains the address.
 */
export function findAddressSlots(pools: readonly Pool[], address: number): SlotRange | undefined {
  const pool = findAddressPool(pools, address);
  return pool && slotsOfPool(pool, address);
}

/**
 * Finds the slots of an address of a pool.
 *
 * @param address IPv4 address of the pool's range.
 * @returns The range of slot keys.
 */
export function slotsOfPool({ id, geometry }: Pool, address: number): SlotRange {
  const { first, step } = slotsOfAddress(geometry, address);
  const last = first + (geometry.psids.length - 1) * step;
  return { first: slotKey(id, first), last: slotKey(id, last), step };
}

/**
 * Builds the range that contains a single slot.
 *
 * @param key Key of the slot.
 * @returns The range.
 */
export function onlySlot(key: number): SlotRange {
  return { first: key, last: key, step: 1 };
}

/**
 * Whether a slot is in a pool of the directory. One that was stored since the directory was read may be in a newer pool.
 *
 * @param key Key of the slot.
 */
export function hasSlot({ poolsById }: Directory, key: number): boolean {
  return poolsById.has(poolOfSlot(key));
}

/**
 * Finds the pool and the pair of a slot key.
 *
 * @param directory Configuration from which the key was made.
 * @param key Key of the slot.
 * @returns The pool, and the pair as messages express it.
 * @throws {RangeError} When no pool has the slot, which means that claims and facts come from different
 *   configurations.
 */
export function pairOfKey(directory: Directory, key: number): { readonly pool: Pool; readonly pair: Pair } {
  const pool = directory.poolsById.get(poolOfSlot(key));
  if (pool === undefined) {
    throw new RangeError(
      `Cannot find the pair of slot ${key}: found no pool ${poolOfSlot(key)}, expected a known one`,
    );
  }
  const { address, psid } = pairOf(pool.geometry, numberOfSlot(key));
  if (pool.kind === "full") return { pool, pair: { address } };
  const { psidOffset, psidLength } = pool.geometry;
  return { pool, pair: { address, portSet: { psidOffset, psidLength, psid } } };
}
