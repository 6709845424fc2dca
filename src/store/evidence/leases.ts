/**
 * Leases for people: found by what is known of them, released and moved by hand.
 *
 * **What a search costs.** The slots of an address, a client identifier, a softwire address and a customer site are
 * found by index. A DUID alone (the end of the client identifier: RFC 4361), a source address, a state and an expiry
 * have none, because each index is written at each renewal. They are filters: where nothing better is given, a search
 * looks at a bounded number of rows in the order of the slots, and says where the next is to go on.
 *
 * @module
 */
import type { Client, InStatement, Row } from "@libsql/client";
import type { SlotRange } from "../../lease/claim.ts";
import { leaseScanRows } from "../../limits.ts";
import { octetsOrNull } from "./history.ts";
import { freeNever, LeaseState } from "../database/schema.ts";
import { argumentsOf } from "../database/slices.ts";

/** What a slot is used for now; the words of the pool statistics. `free` slots remember who had them last. */
export const slotStates = ["offered", "bound", "quarantined", "reserved", "free"] as const;
export type SlotState = (typeof slotStates)[number];

/** A row of `lease`, as it is to be read now. Times are Unix seconds. */
export interface LeaseRecord {
  readonly slot: number;
  readonly domainId: number;
  /** Null once its client moved elsewhere, or declined it. */
  readonly clientId: Uint8Array | null;
  readonly state: SlotState;
  /** The client gets this slot whenever it asks, and nobody else. */
  readonly isReserved: boolean;
  readonly expiresAt: number;
  readonly freeAt: number;
  /** Since when its tenure runs; null when there is none. */
  readonly since: number | null;
  readonly updatedAt: number;
  readonly source: Uint8Array | null;
  readonly softwire: Uint8Array | null;
  readonly site: string | null;
  readonly relayPath: Uint8Array | null;
}

/** What is known of the leases that are wanted; all of it must be so. */
export interface LeaseFilter {
  readonly slots?: SlotRange | undefined;
  /** The only domains that are looked at; undefined is all. */
  readonly domainIds?: readonly number[] | undefined;
  readonly poolId?: number | undefined;
  readonly clientId?: Uint8Array | undefined;
  readonly duid?: Uint8Array | undefined;
  readonly softwire?: Uint8Array | undefined;
  readonly source?: Uint8Array | undefined;
  readonly site?: string | undefined;
  readonly state?: SlotState | undefined;
  /** Unix seconds: expiry at or after, and before. */
  readonly expiresFrom?: number | undefined;
  readonly expiresBefore?: number | undefined;
}

/** Where a search begins and ends. */
export interface LeasePageRequest {
  /** Only slots behind this one. */
  readonly after: number | undefined;
  readonly limit: number;
  /** Rows that are looked at without an index. */
  readonly scanRows?: number | undefined;
  /** Unix seconds to judge by in place of the database's clock: for tests. */
  readonly now?: number | undefined;
}

/** What was found, in the order of the slots. */
export interface LeasePage {
  readonly leases: readonly LeaseRecord[];
  /** Slot behind which the search is to go on; null when there is no more. A page may be empty and not the last. */
  readonly next: number | null;
}

const { offered, bound, released } = LeaseState;

const clock = `coalesce(CAST(:now AS INTEGER), unixepoch())`;

const state = `CASE
  WHEN state = ${offered} AND expires_at > now THEN 'offered'
  WHEN state = ${bound} AND expires_at > now THEN 'bound'
  WHEN free_at = ${freeNever} THEN 'reserved'
  WHEN free_at > now THEN 'quarantined'
  ELSE 'free' END`;

const columns = `slot, domain_id, client_id, ${state} AS use, expires_at, free_at, since, updated_at, source, softwire, site, relay_path`;

/** Conditions that an index serves, the best first; each with the name of the filter that it is for. */
const access = {
  slots: `slot IN (SELECT value FROM json_each(:slots)) AND slot > :after`,
  clientId: `domain_id IN (SELECT value FROM json_each(:domains)) AND client_id = :clientId AND slot > :after`,
  softwire: `softwire = :softwire AND softwire IS NOT NULL AND slot > :after`,
  site: `domain_id IN (SELECT value FROM json_each(:domains)) AND site = :site AND site IS NOT NULL AND slot > :after`,
  scan: `slot > max(:after, :begin) AND slot <= :end`,
} as const;

/** Every filter as a condition on one row. */
const matches = `(:domains IS NULL OR domain_id IN (SELECT value FROM json_each(:domains)))
  AND (:pool IS NULL OR slot >> 32 = :pool) AND (:clientId IS NULL OR client_id = :clientId)
  AND (:duid IS NULL OR (length(client_id) = length(:duid) + 5 AND substr(client_id, 1, 1) = X'FF' AND substr(client_id, 6) = :duid))
  AND (:softwire IS NULL OR softwire = :softwire) AND (:source IS NULL OR source = :source)
  AND (:site IS NULL OR site = :site) AND (:state IS NULL OR use = :state)
  AND (:expiresFrom IS NULL OR expires_at >= :expiresFrom) AND (:expiresBefore IS NULL OR expires_at < :expiresBefore)`;

const searchBy = (condition: string): string => `WITH looked AS MATERIALIZED (
  SELECT ${columns} FROM (SELECT ${clock} AS now) CROSS JOIN lease WHERE ${condition} ORDER BY slot LIMIT :rows
)
SELECT edge.*, found.* FROM (SELECT count(*) AS looked_at, max(slot) AS last FROM looked) edge
LEFT JOIN (SELECT * FROM looked WHERE ${matches} ORDER BY slot LIMIT :limit) found`;

/** The statements of a search, by what it goes by. A test reads their query plans. */
export const searchStatements = {
  slots: searchBy(access.slots),
  clientId: searchBy(access.clientId),
  softwire: searchBy(access.softwire),
  site: searchBy(access.site),
  scan: searchBy(access.scan),
} as const;

const slotsPerPool = 2 ** 32;
const noSlot = -1;

/**
 * Finds leases.
 *
 * @throws {LibsqlError} When the database can't be reached.
 */
export async function findLeases(
  client: Client,
  filter: LeaseFilter,
  { after = noSlot, limit, scanRows = leaseScanRows, now }: LeasePageRequest,
): Promise<LeasePage> {
  const domains = filter.domainIds ?? (await loadDomainIds(client));
  const sql = searchStatements[accessOf(filter)];
  const { poolId } = filter;
  const args = argumentsOf(sql, {
    slots: filter.slots === undefined ? null : JSON.stringify(slotsOf(filter.slots)),
    domains: JSON.stringify(domains),
    pool: poolId ?? null,
    begin: poolId === undefined ? noSlot : poolId * slotsPerPool - 1,
    end: poolId === undefined ? Number.MAX_SAFE_INTEGER : (poolId + 1) * slotsPerPool - 1,
    clientId: filter.clientId ?? null,
    duid: filter.duid ?? null,
    softwire: filter.softwire ?? null,
    source: filter.source ?? null,
    site: filter.site ?? null,
    state: filter.state ?? null,
    expiresFrom: filter.expiresFrom ?? null,
    expiresBefore: filter.expiresBefore ?? null,
    after,
    now: now ?? null,
    rows: scanRows,
    limit: limit + 1,
  });
  const { rows } = await client.execute({ sql, args });
  const leases = rows.filter((row) => row.slot !== null).map(leaseOf);
  if (leases.length > limit) return { leases: leases.slice(0, limit), next: leases[limit - 1]!.slot };
  const { looked_at: lookedAt, last } = rows[0]!;
  return { leases, next: Number(lookedAt) < scanRows ? null : Number(last) };
}

/** What narrows the search most. */
function accessOf(filter: LeaseFilter): keyof typeof searchStatements {
  if (filter.slots !== undefined) return "slots";
  if (filter.clientId !== undefined) return "clientId";
  if (filter.softwire !== undefined) return "softwire";
  return filter.site === undefined ? "scan" : "site";
}

function slotsOf({ first, last, step }: SlotRange): number[] {
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);
}

async function loadDomainIds(client: Client): Promise<number[]> {
  return (await client.execute("SELECT id FROM domain")).rows.map((row) => Number(row.id));
}

function leaseOf(row: Row): LeaseRecord {
  return {
    slot: Number(row.slot),
    domainId: Number(row.domain_id),
    clientId: octetsOrNull(row.client_id),
    state: row.use as SlotState,
    isReserved: Number(row.free_at) === freeNever,
    expiresAt: Number(row.expires_at),
    freeAt: Number(row.free_at),
    since: row.since === null ? null : Number(row.since),
    updatedAt: Number(row.updated_at),
    source: octetsOrNull(row.source),
    softwire: octetsOrNull(row.softwire),
    site: row.site as string | null,
    relayPath: octetsOrNull(row.relay_path),
  };
}

/** Which lease is meant: if its client or its tenure has changed, it is another. */
export interface LeaseHandle {
  readonly slot: number;
  readonly clientId: Uint8Array;
  /** Null for an offer. */
  readonly since: number | null;
}

/** Options of a change by hand. */
export interface ChangeOptions {
  /** Records the change; it runs right behind the statement that makes it, and sees by `changes()` whether it did. */
  readonly record: InStatement;
  /** Unix seconds to judge by in place of the database's clock: for tests. */
  readonly now?: number | undefined;
}

/** The lease or offer that is meant, while it runs. */
const isMeant = `slot = :slot AND client_id = :clientId AND since IS :since AND state <= ${bound} AND expires_at > ${clock}`;

/** The statements of changes by hand. */
const changeStatements = {
  release: `UPDATE lease SET state = ${released}, expires_at = ${clock}, since = NULL, softwire = NULL, updated_at = ${clock},
      free_at = iif(free_at = ${freeNever}, ${freeNever}, ${clock} + :quarantine)
    WHERE ${isMeant}`,
  /**
   * The slot that is moved to is taken first, in the name of nobody else: the mark of this change. It takes over what
   * is known of the client, but is no lease yet.
   */
  take: `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, since, updated_at, source, softwire, site, relay_path)
    SELECT :target, domain_id, :mark, ${offered}, expires_at, expires_at + :quarantine, NULL, ${clock}, source, softwire, site, relay_path
    FROM lease WHERE ${isMeant} AND since IS NOT NULL AND free_at <> ${freeNever}
    ON CONFLICT (slot) DO UPDATE SET domain_id = excluded.domain_id, client_id = excluded.client_id, state = excluded.state,
      expires_at = excluded.expires_at, free_at = excluded.free_at, since = NULL, updated_at = excluded.updated_at,
      source = excluded.source, softwire = excluded.softwire, site = excluded.site, relay_path = excluded.relay_path
    WHERE lease.free_at <= excluded.updated_at`,
  /** Its client goes on using the pair that it is moved from until it is told: so long it stays nobody else's. */
  leave: `UPDATE lease SET state = ${released}, client_id = NULL, free_at = expires_at + :quarantine, expires_at = ${clock},
      since = NULL, softwire = NULL, updated_at = ${clock}
    WHERE slot = :slot AND client_id = :clientId
      AND EXISTS (SELECT 1 FROM lease taken WHERE taken.slot = :target AND taken.client_id = :mark)`,
  settle: `UPDATE lease SET state = ${bound}, client_id = :clientId, since = updated_at WHERE slot = :target AND client_id = :mark`,
} as const;

/**
 * Ends a lease or an offer as a DHCPRELEASE of its client would. The client is not told: it learns of it when it
 * renews, and is refused.
 *
 * @param quarantineSeconds How long the pair is kept from other clients.
 * @returns Whether it was so: false when the lease is not the one that is meant any more.
 * @throws {LibsqlError} When the database can't be reached.
 */
export async function releaseLease(
  client: Client,
  lease: LeaseHandle,
  quarantineSeconds: number,
  options: ChangeOptions,
): Promise<boolean> {
  const values = { ...lease, quarantine: quarantineSeconds, now: options.now ?? null };
  const release = {
    sql: `${changeStatements.release} RETURNING 1`,
    args: argumentsOf(changeStatements.release, values),
  };
  const results = await client.batch([release, options.record], "write");
  return results[0]!.rows.length === 1;
}

/**
 * Moves a running lease to another slot of its domain that is free. Its client is told at its next renewal, by a
 * refusal; it then asks anew, and gets the pair that it was moved to. The tenure of the old pair ends in the history,
 * and that pair is kept from other clients until its client can't use it any more.
 *
 * @param target Key of a slot that exists.
 * @returns Whether it was so: false when the lease is not the one that is meant any more, is reserved, or when the
 *   target is not free.
 * @throws {LibsqlError} When the database can't be reached.
 */
export async function moveLease(
  client: Client,
  lease: LeaseHandle,
  target: number,
  quarantineSeconds: number,
  options: ChangeOptions,
): Promise<boolean> {
  const mark = crypto.getRandomValues(new Uint8Array(16));
  const values = { ...lease, target, mark, quarantine: quarantineSeconds, now: options.now ?? null };
  const statements = (["take", "leave", "settle"] as const).map((name) => ({
    sql: `${changeStatements[name]}${name === "settle" ? " RETURNING 1" : ""}`,
    args: argumentsOf(changeStatements[name], values),
  }));
  const results = await client.batch([...statements, options.record], "write");
  return results[2]!.rows.length === 1;
}
