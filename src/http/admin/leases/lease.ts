/**
 * One lease: its name, how it looks, and its ETag.
 *
 * A lease is named by its pair: `192.0.2.7-18` is PSID 18 of that address, `198.51.100.7` is the whole address.
 *
 * **What its ETag stands for** is the tenure: state, client, and since when all that is said of the client is so. Who
 * ends or moves a lease has decided that by who has it. A renewal changes dates and not that: if it changed the ETag,
 * every busy lease would refuse the change until its operator were faster than its client. The same is what the
 * statements in `store/evidence/leases.ts` require of the row that they change, so that nothing comes between check and change.
 *
 * @module
 */
import type { Context } from "hono";
import * as v from "valibot";
import { formatDate } from "../../../declaration/dates.ts";
import { findAddressPool, findSlotKey, onlySlot, pairOfKey } from "../../../lease/domain.ts";
import type { Directory, Domain, Pool } from "../../../lease/domain.ts";
import { textOf } from "../../../declaration/schema-parts.ts";
import { portRanges } from "../../../portset/port-set.ts";
import { findIn } from "../../../store/database/databases.ts";
import type { Databases, Place } from "../../../store/database/databases.ts";
import { loadPlace } from "../../../store/configuration/directory.ts";
import { findLeases, slotStates } from "../../../store/evidence/leases.ts";
import type { LeaseRecord } from "../../../store/evidence/leases.ts";
import { encodeHex } from "../../../wire/hex.ts";
import { formatIPv4, parseIPv4 } from "../../../wire/ipv4-address.ts";
import type { Principal } from "../../auth.ts";
import { formatETag } from "../etag.ts";
import { evidenceFields, showEvidence } from "../evidence.ts";
import { notFound, placesFor } from "../resource.ts";

const portRange = v.strictObject({ first: v.number(), last: v.number() });

/** A lease. */
export const leaseSchema = v.strictObject({
  id: v.string(),
  domain: v.string(),
  pool: v.string(),
  address: v.string(),
  psid: v.nullable(v.pipe(v.number(), v.description("Plain number; null for a whole address."))),
  ports: v.array(portRange),
  state: v.picklist(slotStates),
  isReserved: v.boolean(),
  ...evidenceFields,
  since: v.nullable(v.pipe(v.string(), v.description("Since when all that is said of the client is so."))),
  expiresAt: v.string(),
  freeAt: v.nullable(v.pipe(v.string(), v.description("When another client may get it; null is never."))),
  updatedAt: v.string(),
});

/** A lease, and where it was found. */
export interface FoundLease {
  readonly place: Place;
  readonly directory: Directory;
  readonly domain: Domain;
  readonly lease: LeaseRecord;
}

/** Answers with a lease. */
export async function respondLease(context: Context, { directory, lease }: FoundLease) {
  context.header("etag", formatETag(await versionOf(lease)));
  return context.json(showLease(directory, lease), 200);
}

/** @returns 48 bits of a hash of what a tenure is known by: no client identifier in a header, and as long as other ETags. */
export async function versionOf({ slot, clientId, since, state }: LeaseRecord): Promise<number> {
  const tenure = JSON.stringify([slot, clientId === null ? null : encodeHex(clientId), since, state]);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(tenure));
  return Number(new DataView(hash).getBigUint64(0) >> 16n);
}

/**
 * Finds a lease by its name.
 *
 * @throws {HTTPException} 404 when nobody has, or had, the pair; or when the caller may not see it.
 */
export async function findLeaseById(
  databases: Databases,
  principal: Principal,
  id: string,
  now: number | undefined,
): Promise<FoundLease> {
  const located = await findIn(placesFor(databases, principal), async (place) => {
    const directory = await loadPlace(place);
    const slot = slotOfId(directory, id);
    return slot === undefined ? undefined : { directory, slot };
  });
  if (located === undefined) throw notFound("lease", id);
  const { place, found: where } = located;
  const { directory, slot } = where;
  const page = { after: undefined, limit: 1, now };
  const { leases } = await findLeases(place.database, { slots: onlySlot(slot) }, page);
  const [lease] = leases;
  if (lease === undefined) throw notFound("lease", id);
  const domain = directory.domains.find((each) => each.id === lease.domainId)!;
  return { place, directory, lease, domain };
}

function slotOfId({ domains }: Directory, id: string): number | undefined {
  const [, addressText = "", psidText] = /^([\d.]{7,15})(?:-(\d{1,5}))?$/.exec(id) ?? [];
  if (!v.is(textOf(parseIPv4), addressText)) return undefined;
  const pools = domains.flatMap((domain) => domain.pools);
  return slotOfPair(pools, parseIPv4(addressText), psidText === undefined ? null : Number(psidText));
}

/** @returns Key of the slot of a pair; undefined when no pool has it. */
export function slotOfPair(pools: readonly Pool[], address: number, psid: number | null): number | undefined {
  const pool = findAddressPool(pools, address);
  if (pool === undefined || (pool.kind === "full") !== (psid === null)) return undefined;
  return findSlotKey([pool], { address, ...portSetOf(pool, psid ?? 0) });
}

/** @returns A PSID as `findSlotKey` wants it. */
export function portSetOf({ kind, geometry }: Pool, psid: number) {
  if (kind === "full") return {};
  return { portSet: { psidOffset: geometry.psidOffset, psidLength: geometry.psidLength, psid } };
}

/** @returns The name of a lease. */
export function idOfLease(directory: Directory, slot: number): string {
  const { pair } = pairOfKey(directory, slot);
  return pair.portSet === undefined
    ? formatIPv4(pair.address)
    : `${formatIPv4(pair.address)}-${pair.portSet.psid}`;
}

/** @returns A lease as the API shows it. */
export function showLease(directory: Directory, lease: LeaseRecord): v.InferOutput<typeof leaseSchema> {
  const { pool, pair } = pairOfKey(directory, lease.slot);
  const domain = directory.domains.find(({ id }) => id === lease.domainId)!;
  return {
    id: idOfLease(directory, lease.slot),
    domain: domain.name,
    pool: pool.name,
    address: formatIPv4(pair.address),
    psid: pair.portSet?.psid ?? null,
    ports: portRanges(pool.geometry, pair.portSet?.psid ?? 0),
    state: lease.state,
    isReserved: lease.isReserved,
    ...showEvidence(lease),
    since: lease.since === null ? null : formatDate(lease.since),
    expiresAt: formatDate(lease.expiresAt),
    freeAt: lease.isReserved ? null : formatDate(lease.freeAt),
    updatedAt: formatDate(lease.updatedAt),
  };
}
