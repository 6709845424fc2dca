/**
 * A softwire domain (RFC 7596): whom it serves, and how. And the choice of the domain for a query (RFC 7341 §11).
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

/** An IPv4 range and its slots. Shared when its addresses have port sets, full when each goes to one client. */
export interface Pool {
  readonly id: number;
  readonly name: string;
  readonly kind: "shared" | "full";
  readonly geometry: PoolGeometry;
  /** DHCP options for its clients, those of the domain included: code -> data. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  /** While the pool is drained: Unix seconds at which its last lease ends. It gives no new ones. */
  readonly drainUntil: number | null;
}

/** @returns Whether a pool gives new leases. */
export function isOpen(pool: Pool): boolean {
  return pool.drainUntil === null;
}

/** A line of an access network, as the relay next to it names it. Interface-Ids are unique for one relay only. */
interface Line {
  readonly linkAddress: Uint8Array;
  readonly interfaceId: Uint8Array;
}

/** A domain as the rules see it; the store loads it. */
export interface Domain {
  readonly id: number;
  readonly name: string;
  /** Link-addresses and source addresses that belong to this domain. */
  readonly prefixes: readonly IPv6Prefix[];
  /** Lines that belong to this domain, wherever their link-address does: a relay and its name for the line. */
  readonly lines: readonly Line[];
  /** Takes the clients that no prefix of any domain covers. */
  readonly isDefault: boolean;
  /** Option 54: how clients name this server. */
  readonly serverIdentifier: number;
  readonly leaseSeconds: { readonly default: number; readonly min: number; readonly max: number };
  readonly offerHoldSeconds: number;
  /** How long a pair is kept from other clients after its lease ended. */
  readonly quarantineSeconds: number;
  /** How long a declined pair is kept from everyone. */
  readonly declineSeconds: number;
  /** Most leases and offers of one customer site; null is no limit (R7618-10-02). */
  readonly siteLeasesMax: number | null;
  /** Gives full addresses even to clients that list option 159 (R7618-8.1-04). */
  readonly ignoresOption159: boolean;
  /** Takes a REQUEST without option 159 for the pair that is offered at its address (A3). */
  readonly acceptsRequestWithoutPortSet: boolean;
  /** Serves clients without option 61 by their hardware address, with full addresses only (A11). */
  readonly identifiesByHardwareAddress: boolean;
  /** Refuses a RENEWING client that is not known, in place of silence (protocol choice of RFC 2131 §4.3.2). */
  readonly refusesUnknownRenewals: boolean;
  /** Answers a DISCOVER with option 80 by a lease at once (RFC 4039); right only for the sole server of a link. */
  readonly rapidCommit: boolean;
  /** Bits of a client's IPv6 source that are one customer site: 56 or 64 (A13). */
  readonly sitePrefixLength: number;
  /** INIT-REBOOT is refused from another IPv6 source than the lease was given to (R7618-6-11, A10). */
  readonly rebootNeedsSameSource: boolean;
  readonly softwire: {
    /** Addresses of the lwAFTR or BR, for option 90. */
    readonly borderRelays: readonly Uint8Array[];
    /** Option 137: the prefix from which a client chooses its softwire address. */
    readonly bindPrefix: IPv6Prefix | null;
    /** Least time between two changes of a client's softwire address (R8539-8.1-02). */
    readonly updateIntervalSeconds: number;
  };
  /** DHCP options for clients of no pool: code -> data. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  readonly pools: readonly Pool[];
  readonly sharedPools: readonly Pool[];
  readonly fullPools: readonly Pool[];
}

/**
 * All domains of a database, as of one revision of its configuration.
 */
export interface Directory {
  readonly revision: number;
  readonly domains: readonly Domain[];
  readonly poolsById: ReadonlyMap<number, Pool>;
}

/**
 * Finds the domain that serves a client.
 *
 * A line that a domain names comes first: it is the most that can be known of a place. Then the innermost usable
 * link-address says where the client is: `::` says nothing (RFC 8415 §13.1, RFC 6221), and a link-local address is
 * the same on every link. Without one, the client's own address does, unless link-local. Of several prefixes that
 * match, the longest wins. Clients that none covers go to the default domain.
 *
 * @param path Relay path, outermost first; the peer-address of its last level is the client.
 * @returns The domain, or undefined when this client is served by none.
 */
export function selectDomain(directory: Directory, path: readonly RelayLevel[]): Domain | undefined {
  const place = placeOf(path);
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

/** Our own relay is the outermost level; its Interface-Id names a socket and no line. */
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

function placeOf(path: readonly RelayLevel[]): Uint8Array | undefined {
  for (let level = path.length - 1; level >= 0; level--) {
    const { linkAddress } = path[level]!;
    if (!isUnspecified(linkAddress) && !isLinkLocal(linkAddress)) return linkAddress;
  }
  const source = path.at(-1)?.peerAddress;
  return source === undefined || isLinkLocal(source) ? undefined : source;
}

/** What the wire calls a pair: an address and, when it is shared, a port set (RFC 7618 §8). */
export interface Pair {
  readonly address: number;
  /** Absent for a full address. */
  readonly portSet?: { readonly psidOffset: number; readonly psidLength: number; readonly psid: number };
}

/**
 * Finds the slot of a pair in a domain's pools. All of offset, length and PSID must be the pool's (A5): another
 * offset or length is another set of ports.
 *
 * @returns The key, or undefined when no pool has such a slot.
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

/** @returns The pool whose range has the address. */
export function findAddressPool(pools: readonly Pool[], address: number): Pool | undefined {
  return pools.find(({ geometry }) => geometry.firstAddress <= address && address <= geometry.lastAddress);
}

/** @returns The keys of all slots of one address; undefined when no pool has it. */
export function findAddressSlots(pools: readonly Pool[], address: number): SlotRange | undefined {
  const pool = findAddressPool(pools, address);
  if (pool === undefined) return undefined;
  const { first, step } = slotsOfAddress(pool.geometry, address);
  const last = first + (pool.geometry.psids.length - 1) * step;
  return { first: slotKey(pool.id, first), last: slotKey(pool.id, last), step };
}

/** @returns The range of one slot. */
export function onlySlot(key: number): SlotRange {
  return { first: key, last: key, step: 1 };
}

/**
 * Says what a slot of the database is on the wire.
 *
 * @throws {RangeError} When the slot belongs to no pool: then claims and facts are of different configurations.
 */
export function pairOfKey(directory: Directory, key: number): { readonly pool: Pool; readonly pair: Pair } {
  const pool = directory.poolsById.get(poolOfSlot(key));
  if (pool === undefined) throw new RangeError(`Cannot name slot ${key}: found no pool of its number`);
  const { address, psid } = pairOf(pool.geometry, numberOfSlot(key));
  if (pool.kind === "full") return { pool, pair: { address } };
  const { psidOffset, psidLength } = pool.geometry;
  return { pool, pair: { address, portSet: { psidOffset, psidLength, psid } } };
}
