/**
 * Pools, as an operator reads and changes them.
 *
 * @module
 */
import type { Client, InStatement } from "@libsql/client";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import { poolDeletionStepLeases, poolDeletionStepsMax } from "../../limits.ts";
import { commitChange } from "./change.ts";
import type { Change } from "./change.ts";
import { scopeArguments, scopeCondition } from "../database/databases.ts";
import type { Place } from "../database/databases.ts";
import { poolColumns, poolOfRow, poolParameters } from "./declared.ts";
import type { StoredPool } from "./declared.ts";
import { letOthersRun } from "../database/slices.ts";

/** Which pools. */
export interface PoolQuery {
  readonly limit: number;
  /** Only names behind this one. */
  readonly after: string | undefined;
  readonly kind: "shared" | "full" | undefined;
  readonly draining: boolean | undefined;
  /** Only the pool that has this address. */
  readonly address: number | undefined;
}

const fromPool = `SELECT ${poolColumns} FROM pool p JOIN domain d ON d.id = p.domain_id`;

/**
 * Lists pools by name.
 *
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function listPools({ database, scope }: Place, query: PoolQuery): Promise<StoredPool[]> {
  const { after, kind, draining, address, limit } = query;
  const { rows } = await database.execute({
    sql: `${fromPool} WHERE p.name > :after AND ${scopeCondition("d.name")}
      AND (:kind IS NULL OR (p.psid_length = 0) = (:kind = 'full'))
      AND (:draining IS NULL OR (p.drain_until IS NOT NULL) = :draining)
      AND (:address IS NULL OR :address BETWEEN p.first_address AND p.last_address)
      ORDER BY p.name LIMIT :limit`,
    args: {
      after: after ?? "",
      kind: kind ?? null,
      address: address ?? null,
      limit,
      ...scopeArguments(scope),
      draining: draining === undefined ? null : Number(draining),
    },
  });
  return rows.map(poolOfRow);
}

/** @returns The pool of this name, if there is one. */
export async function findPool({ database, scope }: Place, name: string): Promise<StoredPool | undefined> {
  const { rows } = await database.execute({
    sql: `${fromPool} WHERE p.name = :name AND ${scopeCondition("d.name")}`,
    args: { name, ...scopeArguments(scope) },
  });
  return rows[0] === undefined ? undefined : poolOfRow(rows[0]);
}

/** A pool whose range has an address of this one, if there is one. */
export async function findOverlap(
  { database, scope }: Place,
  range: { readonly firstAddress: number; readonly lastAddress: number },
): Promise<StoredPool | undefined> {
  const { rows } = await database.execute({
    sql: `${fromPool} WHERE p.first_address <= :lastAddress AND p.last_address >= :firstAddress
      AND ${scopeCondition("d.name")} ORDER BY p.first_address LIMIT 1`,
    args: {
      firstAddress: range.firstAddress,
      lastAddress: range.lastAddress,
      ...scopeArguments(scope),
    },
  });
  return rows[0] === undefined ? undefined : poolOfRow(rows[0]);
}

/** As the record of changes shows it. */
function showPool(domain: string, declared: PoolDeclaration) {
  return { domain, ...declared };
}

/** A pool that is not there yet, in a range of its own. It is one row, whatever its size. */
export function createPool(actor: string, domain: string, declared: PoolDeclaration): Change {
  const { name } = declared;
  return {
    statement: {
      sql: `INSERT INTO pool (domain_id, name, first_address, last_address, psid_offset, psid_length, reserved_ports,
          fill, options, psids, slots, drain_until)
        SELECT id, :name, :firstAddress, :lastAddress, :psidOffset, :psidLength, :reservedPorts, :fill, :options,
          :psids, :slots, :drainUntil
        FROM domain WHERE name = :domain
          AND NOT EXISTS (SELECT 1 FROM pool WHERE first_address <= :lastAddress AND last_address >= :firstAddress)
        ON CONFLICT (name) DO NOTHING RETURNING id`,
      args: { name, domain, ...poolParameters(declared) },
    },
    audit: {
      actor,
      action: "create",
      resource: "pool",
      name,
      domain,
      before: null,
      after: showPool(domain, declared),
    },
  };
}

/** A field that a pool keeps for ever, and that is declared otherwise. Values are JSON; a full pool has no lengths. */
export interface FixedDifference {
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

/** Finds what a pool keeps for ever and a declaration would change: leases and history name its slots by number. */
export function fixedDifferences(
  stored: StoredPool,
  domain: string,
  declared: PoolDeclaration,
): FixedDifference[] {
  const [has, wants] = [
    { ...stored.declared, domain: stored.domain } as Readonly<Record<string, unknown>>,
    { ...declared, domain } as Readonly<Record<string, unknown>>,
  ];
  const textOf = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value));
  return fixedPaths(stored, domain, declared).map((path) => ({
    path,
    found: textOf(wants[path]),
    expected: textOf(has[path]),
  }));
}

function fixedPaths(stored: StoredPool, domain: string, declared: PoolDeclaration): string[] {
  const [was, wanted] = [poolParameters(stored.declared), poolParameters(declared)];
  const differing: string[] = [];
  if (domain !== stored.domain) differing.push("domain");
  if (declared.kind !== stored.declared.kind) differing.push("kind");
  if (was.firstAddress !== wanted.firstAddress || was.lastAddress !== wanted.lastAddress)
    differing.push("range");
  for (const key of ["psidOffset", "psidLength", "reservedPorts", "fill"] as const) {
    if (was[key] !== wanted[key]) differing.push(key);
  }
  return differing;
}

/** Other options or another drain date. A pool with reservations can't be drained: they would have no end. */
export function changePool(actor: string, stored: StoredPool, declared: PoolDeclaration): Change {
  const { id, version, domain } = stored;
  const { options, drainUntil } = poolParameters(declared);
  const isDrained = drainUntil !== null && stored.declared.drainUntil === null;
  return {
    statement: {
      sql: `UPDATE pool SET options = :options, drain_until = :drainUntil, version = version + 1
        WHERE id = :id AND version = :version
          AND (:drainUntil IS NULL OR NOT EXISTS (SELECT 1 FROM reservation WHERE pool_id = :id)) RETURNING id`,
      args: { id, version, options, drainUntil },
    },
    audit: {
      actor,
      action: isDrained ? "drain" : "change",
      resource: "pool",
      name: declared.name,
      domain,
      before: showPool(domain, stored.declared),
      after: showPool(domain, declared),
    },
  };
}

/** @returns Names of reservations in a pool, ten at most. */
export async function reservationsOfPool(client: Client, id: number): Promise<string[]> {
  const { rows } = await client.execute({
    sql: "SELECT name FROM reservation WHERE pool_id = :id ORDER BY name LIMIT 10",
    args: { id },
  });
  return rows.map((row) => row.name as string);
}

/** A lease or an offer runs, or its quarantine does: someone may still use a slot of the pool. */
const isInUse = "EXISTS (SELECT 1 FROM lease WHERE pool_id = :id AND free_at > unixepoch())";

/** @returns The ids of pools of which someone may still use a slot. */
export async function poolsInUse(client: Client, pools: readonly StoredPool[]): Promise<Set<number>> {
  if (pools.length === 0) return new Set();
  const { rows } = await client.execute({
    sql: `SELECT value AS id FROM json_each(:ids)
      WHERE EXISTS (SELECT 1 FROM lease WHERE pool_id = value AND free_at > unixepoch())`,
    args: { ids: JSON.stringify(pools.map(({ id }) => id)) },
  });
  return new Set(rows.map((row) => Number(row.id)));
}

/** How a deletion went. */
export type PoolDeletion =
  | { readonly kind: "deleted" }
  /** There are more leases than one request may end; ask again. */
  | { readonly kind: "unfinished" }
  /** Someone may still use a slot, and it was not forced. */
  | { readonly kind: "in-use" }
  | { readonly kind: "has-reservations" }
  /** It was changed since it was looked at. */
  | { readonly kind: "changed" };

/**
 * Deletes a pool: closes it, ends what is left of its leases (each tenure goes to history), then deletes its row.
 * What its slots meant stays in `retired_pool`. In steps, because a pool may have millions of rows; whatever
 * interrupts it leaves a pool that is closed and loses nothing, and the next request goes on.
 *
 * @param force Also when it has running leases: they end now, and their clients are refused at the next renewal.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function deletePool(
  client: Client,
  actor: string,
  stored: StoredPool,
  { force }: { readonly force: boolean },
): Promise<PoolDeletion> {
  const { id, version, domain, declared } = stored;
  const { name } = declared;
  const entry = { actor, resource: "pool", name, domain, before: showPool(domain, declared) };
  const isClosed = await commitChange(client, {
    statement: {
      sql: `UPDATE pool SET drain_until = min(ifnull(drain_until, unixepoch()), unixepoch()), version = version + 1
        WHERE id = :id AND version = :version AND (:force OR NOT ${isInUse})
          AND NOT EXISTS (SELECT 1 FROM reservation WHERE pool_id = :id) RETURNING id`,
      args: { id, version, force: Number(force) },
    },
    audit: { ...entry, action: force ? "close by force" : "close", after: showPool(domain, declared) },
  });
  if (!isClosed) return refusal(client, stored);
  for (let step = 0; step < poolDeletionStepsMax; step++) {
    const isDeleted = await commitChange(client, {
      statement: {
        sql: "DELETE FROM pool WHERE id = :id AND NOT EXISTS (SELECT 1 FROM lease WHERE pool_id = :id) RETURNING id",
        args: { id },
      },
      audit: { ...entry, action: "delete", after: null },
    });
    if (isDeleted) return { kind: "deleted" };
    await client.batch(deletionStep(id), "write");
    await letOthersRun();
  }
  return { kind: "unfinished" };
}

/** From the last slot down, and the cursor with them: every slot below the cursor has a row, at any moment. */
function deletionStep(id: number): InStatement[] {
  const lowest = `(SELECT min(slot) FROM (
    SELECT slot FROM lease WHERE slot BETWEEN :first AND :last ORDER BY slot DESC LIMIT ${poolDeletionStepLeases}))`;
  const args = { first: BigInt(id) * 2n ** 32n, last: BigInt(id) * 2n ** 32n + 0xffffffffn };
  return [
    {
      sql: `UPDATE pool SET cursor = min(cursor, ${lowest} - :first) WHERE id = :first >> 32`,
      args,
    },
    {
      sql: `DELETE FROM lease WHERE slot BETWEEN ${lowest} AND :last`,
      args,
    },
  ];
}

async function refusal(client: Client, { id, version }: StoredPool): Promise<PoolDeletion> {
  const { rows } = await client.execute({
    sql: `SELECT version, ${isInUse} AS inUse, EXISTS (SELECT 1 FROM reservation WHERE pool_id = :id) AS reserved
      FROM pool WHERE id = :id`,
    args: { id },
  });
  const row = rows[0];
  if (row === undefined || Number(row.version) !== version) return { kind: "changed" };
  return { kind: Number(row.reserved) === 1 ? "has-reservations" : "in-use" };
}
