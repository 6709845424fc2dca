/**
 * A lease with its place: domain, pool, address and PSID. A lease is named by its pair: `192.0.2.7-18` is PSID 18 of
 * that address, `198.51.100.7` is the whole address.
 *
 * **Its version** identifies the tenure: state, client, and since when the facts about the client have been true. An
 * operator who ends or moves a lease decides this by looking at its holder. A renewal changes only dates: if it changed
 * the version, every change of a busy lease would be refused unless the operator was faster than the client's next
 * renewal. The statements in `lease-changes.ts` check the same fields in the row that they change, so nothing can
 * happen between check and change.
 *
 * @module
 */
import { pairOfKey } from "../../lease/domain.ts";
import type { Directory, Domain } from "../../lease/domain.ts";
import { findPair } from "../../portset/find-pair.ts";
import type { PoolGeometry } from "../../portset/pool-geometry.ts";
import { slotKey } from "../../portset/slot-key.ts";
import { encodeHex } from "../../wire/hex.ts";
import { formatIPv4, parseIPv4 } from "../../wire/ipv4-address.ts";
import type { LeaseRecord } from "./lease-rows.ts";

/** A lease with its place. */
export interface StoredLease extends LeaseRecord {
  /** The name of the lease. */
  readonly id: string;
  readonly domain: string;
  readonly pool: string;
  readonly geometry: PoolGeometry;
  readonly address: number;
  /** Null for a whole address. */
  readonly psid: number | null;
}

/** A lease with its version. */
export interface VersionedLease extends StoredLease {
  /** 48 bits of a hash of the fields that identify a tenure. It does not reveal the client identifier. */
  readonly version: number;
}

/** @returns The domain of a lease. */
export function domainOfLease({ domains }: Directory, { domainId }: LeaseRecord): Domain {
  return domains.find(({ id }) => id === domainId)!;
}

/** @returns A lease with its place in the directory that it belongs to. */
export function placeLease(directory: Directory, lease: LeaseRecord): StoredLease {
  const { pool, pair } = pairOfKey(directory, lease.slot);
  return {
    ...lease,
    id: formatLeaseId(directory, lease.slot),
    domain: domainOfLease(directory, lease).name,
    pool: pool.name,
    geometry: pool.geometry,
    address: pair.address,
    psid: pair.portSet?.psid ?? null,
  };
}

/** @returns The same lease with its version. */
export async function versionLease(directory: Directory, lease: LeaseRecord): Promise<VersionedLease> {
  return { ...placeLease(directory, lease), version: await versionOf(lease) };
}

async function versionOf({ slot, clientId, since, state }: LeaseRecord): Promise<number> {
  const tenure = JSON.stringify([slot, clientId === null ? null : encodeHex(clientId), since, state]);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(tenure));
  return Number(new DataView(hash).getBigUint64(0) >> 16n);
}

/** @returns The name of the lease of a slot. */
export function formatLeaseId(directory: Directory, slot: number): string {
  const { pair } = pairOfKey(directory, slot);
  const address = formatIPv4(pair.address);
  return pair.portSet === undefined ? address : `${address}-${pair.portSet.psid}`;
}

/** @returns Key of the slot with this name; undefined when no pool has it, or the text is not a valid name. */
export function parseLeaseId({ domains }: Directory, id: string): number | undefined {
  const [, addressText = "", psidText] = /^([\d.]{7,15})(?:-(\d{1,5}))?$/.exec(id) ?? [];
  const address = parseAddress(addressText);
  if (address === undefined) return undefined;
  const pools = domains.flatMap((domain) => domain.pools);
  const found = findPair(pools, address, psidText === undefined ? null : Number(psidText));
  return found && slotKey(found.pool.id, found.number);
}

function parseAddress(text: string): number | undefined {
  try {
    return parseIPv4(text);
  } catch {
    return undefined;
  }
}
