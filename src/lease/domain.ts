/**
 * Softwire domains (RFC 7596) with their pools and settings, and the choice of the domain for a query (RFC 7341 §11).
 *
 * @module
 */
import { findPair } from "../portset/find-pair.ts";
import type { PoolGeometry } from "../portset/pool-geometry.ts";
import { pairOf, slotsOfAddress } from "../portset/pool-geometry.ts";
import { numberOfSlot, poolOfSlot, slotKey } from "../portset/slot-key.ts";
import type { SlotRange } from "./claim.ts";
import type { IPv6Prefix } from "../wire/ipv6-address.ts";
import { isLinkLocal, isUnspecified, prefixContains } from "../wire/ipv6-address.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { findOption6 } from "../wire/dhcpv6/options.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { equalOctets } from "../wire/hex.ts";

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
interface Line {
  readonly linkAddress: Uint8Array;
  readonly interfaceId: Uint8Array;
}

/** A domain as the rules need it. The store loads it. */
export interface Domain {
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
  /** How long a declined pair is given to nobody. */
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
  /** Length of the IPv6 source prefix that identifies a customer site, in bits: 56 or 64 (A13). */
  readonly sitePrefixLength: number;
  /** Sends a NAK to an INIT-REBOOT client whose IPv6 source differs from that of its lease (R7618-6-11, A10). */
  readonly rebootNeedsSameSource: boolean;
  readonly softwire: {
    /** Addresses of the lwAFTR or BR, for option 90. */
    readonly borderRelays: readonly Uint8Array[];
    /** Prefix for option 137, from which a client chooses its softwire address. */
    readonly bindPrefix: IPv6Prefix | null;
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
}

/**
 * Finds the domain that serves a client.
 *
 * 1. A domain that lists the client's line serves it, because a line is the most specific location.
 * 2. Otherwise the innermost usable link-address locates the client. Two addresses are not usable: `::` does not
 *    identify a link (RFC 8415 §13.1, RFC 6221), and a link-local address is not unique among links. If no
 *    link-address is usable, the client's own address locates it, unless it is link-local. Among all matching prefixes
 *    of all domains, the longest wins.
 * 3. Clients that no prefix covers go to the default domain.
 *
 * @param directory Domains to choose from.
 * @param path Relay path, outermost level first. The peer-address of its last level is the client's address.
 * @returns The domain, or undefined when no domain serves this client.
 */
export function selectDomain(directory: Directory, path: readonly RelayLevel[]): Domain | undefined {
  const place = locationOf(path);
  let best: Domain | undefined;
  let bestLength = -1;
  for (const domain of directory.domains) {
    if (domain.lines.some((line) => isOnLine(line, path))) return domain;
    if (domain.isDefault) best ??= domain;
    if (place === undefined) continue;
    for (const prefix of domain.prefixes) {
      if (prefix.length > bestLength && prefixContains(prefix, place)) {
        best = domain;
        bestLength = prefix.length;
      }
    }
  }
  return best;
}

/** The outermost level is skipped: it is our own relay, whose Interface-Id identifies a socket and not a line. */
function isOnLine(line: Line, path: readonly RelayLevel[]): boolean {
  return path.slice(1).some(({ linkAddress, options }) => {
    const interfaceId = findOption6(options, OptionCode6.interfaceId);
    return (
      interfaceId !== undefined &&
      equalOctets(interfaceId, line.interfaceId) &&
      equalOctets(linkAddress, line.linkAddress)
    );
  });
}

function locationOf(path: readonly RelayLevel[]): Uint8Array | undefined {
  for (let level = path.length - 1; level >= 0; level--) {
    const { linkAddress } = path[level]!;
    if (!isUnspecified(linkAddress) && !isLinkLocal(linkAddress)) return linkAddress;
  }
  const source = path.at(-1)?.peerAddress;
  return source === undefined || isLinkLocal(source) ? undefined : source;
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
  return pools.find(({ geometry }) => geometry.firstAddress <= address && address <= geometry.lastAddress);
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
  if (pool === undefined) return undefined;
  const { first, step } = slotsOfAddress(pool.geometry, address);
  const last = first + (pool.geometry.psids.length - 1) * step;
  return { first: slotKey(pool.id, first), last: slotKey(pool.id, last), step };
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
