/**
 * A lease with its domain, pool, address and PSID. A lease is named by its pair: `192.0.2.7-18` is PSID 18 of that
 * address, `198.51.100.7` is the whole address.
 *
 * **The version** identifies the tenure: slot, client, state, the start of the tenure, and a pending move. An operator
 * ends or moves a lease because of its holder. A renewal changes only times, so it does not change the version:
 * otherwise the operator's change would be refused whenever the client renewed first. The statements in
 * `lease-changes.ts` check the client and the tenure again in the row that they change, so there is no gap between check
 * and change.
 *
 * @module
 */
import { hasSlot, pairOfKey } from "../../lease/domain.ts";
import type { Directory, Domain } from "../../lease/domain.ts";
import { findPair } from "../../portset/find-pair.ts";
import type { PoolGeometry } from "../../portset/pool-geometry.ts";
import { slotKey } from "../../portset/slot-key.ts";
import { encodeHex } from "../../wire/hex.ts";
import { formatIPv4, parseIPv4 } from "../../wire/ipv4-address.ts";
import { parseWholeNumber } from "../../wire/number.ts";
import type { LeaseRecord } from "./lease-rows.ts";

/** A lease with its domain, pool, address and PSID. */
export interface StoredLease extends LeaseRecord {
  /** The name of the lease. */
  readonly id: string;
  readonly domain: string;
  readonly pool: string;
  readonly geometry: PoolGeometry;
  readonly address: number;
  /** Null for a whole address. */
  readonly psid: number | null;
  /** The name of the pair that the client moves to, while that move is pending. */
  readonly movesToId: string | null;
  /** The name of the pair whose client moves to this one; null unless a move is pending. */
  readonly movesFromId: string | null;
}

/** A lease with its version. */
export interface VersionedLease extends StoredLease {
  /** 48 bits of a hash of the fields that identify a tenure, so that it does not reveal the client identifier. */
  readonly version: number;
}

/** @returns The domain of a lease. */
export function domainOfLease({ domains }: Directory, { domainId }: LeaseRecord): Domain {
  return domains.find(({ id }) => id === domainId)!;
}

/** Adds domain, pool, address and PSID to a lease, from the directory of its place. */
export function placeLease(directory: Directory, lease: LeaseRecord): StoredLease {
  const { pool, pair } = pairOfKey(directory, lease.slot);
  const idOf = (slot: number | null) =>
    slot !== null && hasSlot(directory, slot) ? formatLeaseId(directory, slot) : null;
  return {
    ...lease,
    id: formatLeaseId(directory, lease.slot),
    domain: domainOfLease(directory, lease).name,
    pool: pool.name,
    geometry: pool.geometry,
    address: pair.address,
    psid: pair.portSet?.psid ?? null,
    movesToId: idOf(lease.movesTo),
    movesFromId: idOf(lease.movesFrom),
  };
}

/** Adds domain, pool, address, PSID and version to a lease. */
export async function versionLease(directory: Directory, lease: LeaseRecord): Promise<VersionedLease> {
  return { ...placeLease(directory, lease), version: await versionOf(lease) };
}

async function versionOf({ slot, clientId, since, state, movesTo }: LeaseRecord): Promise<number> {
  const fields = [slot, clientId === null ? null : encodeHex(clientId), since, state];
  const tenure = JSON.stringify(movesTo === null ? fields : [...fields, movesTo]);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(tenure));
  return Number(new DataView(hash).getBigUint64(0) >> 16n);
}

/** @returns The name of the lease of a slot. */
export function formatLeaseId(directory: Directory, slot: number): string {
  const { pair } = pairOfKey(directory, slot);
  const address = formatIPv4(pair.address);
  return pair.portSet === undefined ? address : `${address}-${pair.portSet.psid}`;
}

/** @returns Key of the slot with this name; undefined when no pool has the pair, or the text is not a valid name. */
export function parseLeaseId({ domains }: Directory, id: string): number | undefined {
  const [addressText, psidText, ...more] = id.split("-");
  try {
    const address = parseIPv4(addressText!);
    const psid = psidText === undefined ? null : parseWholeNumber(psidText, 0, 0xffff);
    const pools = domains.flatMap((domain) => domain.pools);
    const found = more.length === 0 ? findPair(pools, address, psid) : undefined;
    return found && slotKey(found.pool.id, found.number);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
