/**
 * Checks the invariants of a database. Each check is one statement and so reads one consistent state. Therefore a
 * database can be checked while it is in use. The checks do not depend on the memory of allocators.
 *
 * @module
 */
import { eq, isNotNull, sql } from "drizzle-orm";
import type { SQL, SQLWrapper } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { findUnusable } from "../../declaration/unusable.ts";
import { groupBy } from "../../group-by.ts";
import { hasSlot, pairOfKey } from "../../lease/domain.ts";
import type { Pair } from "../../lease/domain.ts";
import { clientsPerLookMax, siteLeasesDefault, verifyFaultsShownMax } from "../../limits.ts";
import { domainOfRow, poolOfRow, selectPools } from "../configuration/declared.ts";
import { loadDirectory } from "../configuration/directory.ts";
import { literal } from "../database/columns.ts";
import { wasSetBack } from "../database/clock-step.ts";
import type { Database } from "../database/database.ts";
import { readerOf, statementOf } from "../database/queries.ts";
import { clockStep, domain, freeNever, history, lease, LeaseState, pool } from "../database/schema.ts";
import { rowsOf, selectionOf } from "../database/selection.ts";
import { numberOfSlotSql, poolOfSlotSql, slotKeySql } from "../database/slot-sql.ts";
import { clockSeconds } from "../database/time.ts";
import { runsAt } from "./slot-state.ts";

const { offered, bound } = LeaseState;

const slotName = (slot: SQLWrapper): SQL =>
  sql`'slot ' || ${numberOfSlotSql(slot)} || ' of pool ' || ${poolOfSlotSql(slot)}`;

const [poolA, poolB] = [alias(pool, "a"), alias(pool, "b")];

/** The limit of a site, as `siteLimitOf` computes it. */
const siteLimit = sql`coalesce(json_extract(${domain.settings}, '$.siteLeasesMax'),
  iif(json_extract(${domain.settings}, '$.siteBy') IS NULL, NULL, ${literal(siteLeasesDefault)}))`;

/** How often the clock was set back. Times before and after cannot be compared. */
const timesSetBack = sql`(SELECT count(*) FROM ${clockStep} WHERE ${wasSetBack})`;

/** The same, before a row of the history was written. */
const timesSetBackBefore = (id: SQLWrapper): SQL =>
  sql`(SELECT count(*) FROM ${clockStep} WHERE ${wasSetBack} AND ${clockStep.lastHistory} < ${id})`;

/** Until when the pair of a row is kept from other clients at least. */
const keptUntil = sql`max(${lease.expiresAt}, ifnull(${lease.quarantineUntil}, 0))`;

/**
 * The checks, by the name of their fault. Each check returns one row for each fault, with its description in the column
 * `fault`.
 *
 * @param now Unix seconds.
 */
function checks(now: SQL): Readonly<Record<string, SQL>> {
  return {
    // Slots are unique by primary key, and the slots of a pool have disjoint ports, so only pools can overlap.
    "addresses-in-two-pools": sql`
      SELECT 'pools "' || ${poolA.name} || '" and "' || ${poolB.name} || '" have addresses in common' AS fault
      FROM ${pool} a JOIN ${pool} b ON ${poolA.id} < ${poolB.id}
      WHERE ${poolA.firstAddress} <= ${poolB.lastAddress} AND ${poolB.firstAddress} <= ${poolA.lastAddress}`,
    "lease-outside-of-its-pool": sql`
      SELECT ${slotName(lease.slot)} || ' is leased; expected a slot below '
        || coalesce(${pool.slots}, '- no such pool') AS fault
      FROM ${lease} LEFT JOIN ${pool} ON ${pool.id} = ${poolOfSlotSql(lease.slot)}
      WHERE ${pool.id} IS NULL OR ${numberOfSlotSql(lease.slot)} >= ${pool.slots}`,
    "lease-of-another-domain": sql`
      SELECT ${slotName(lease.slot)} || ' is leased in domain ' || ${lease.domainId} || '; its pool belongs to domain '
        || ${pool.domainId} AS fault
      FROM ${pool} CROSS JOIN ${lease} ON ${lease.poolId} = ${pool.id}
      WHERE ${lease.domainId} <> ${pool.domainId}`,
    "client-with-two-pairs": sql`
      SELECT 'client ' || lower(hex(${lease.clientId})) || ' of domain ' || ${lease.domainId} || ' has ' || count(*)
        || ' rows' AS fault
      FROM ${lease} WHERE ${isNotNull(lease.clientId)} GROUP BY ${lease.domainId}, ${lease.clientId}, ${lease.line} HAVING count(*) > 1`,
    "slot-lost-behind-the-cursor": sql`
      SELECT 'pool "' || name || '" has ' || used || ' rows below its cursor at ' || cursor || ' of ' || slots AS fault
      FROM (SELECT ${pool.name}, ${pool.cursor}, ${pool.slots}, (SELECT count(*) FROM ${lease}
          WHERE ${lease.slot} >= ${slotKeySql(pool.id, sql`0`)} AND ${lease.slot} < ${slotKeySql(pool.id, pool.cursor)}) AS used
        FROM ${pool})
      WHERE used <> cursor OR cursor > slots`,
    "softwire-of-two-leases": sql`
      SELECT 'softwire ' || lower(hex(${lease.softwire})) || ' belongs to ' || count(*) || ' running leases' AS fault
      FROM ${lease} WHERE ${isNotNull(lease.softwire)} AND ${eq(lease.state, bound)} AND ${lease.expiresAt} > ${now}
      GROUP BY ${lease.softwire} HAVING count(*) > 1`,
    "site-beyond-its-limit": sql`
      SELECT 'site ' || ${lease.site} || ' of domain "' || ${domain.name} || '" has ' || count(*)
        || ' leases and offers; its limit is ' || ${siteLimit} AS fault
      FROM ${domain} CROSS JOIN ${lease} ON ${lease.domainId} = ${domain.id}
      WHERE ${siteLimit} IS NOT NULL AND ${isNotNull(lease.site)} AND ${runsAt(now)}
      GROUP BY ${domain.id}, ${lease.site} HAVING count(*) > ${siteLimit}`,
    "tenures-that-overlap": sql`
      WITH tenure(slot, since, until, clock) AS (
        SELECT ${history.slot}, ${history.since}, ${history.until}, ${timesSetBackBefore(history.id)} FROM ${history}
        UNION ALL SELECT ${lease.slot}, ${lease.since}, max(${lease.expiresAt}, ${lease.since}), ${timesSetBack}
          FROM ${lease} WHERE ${isNotNull(lease.since)}
      )
      SELECT ${slotName(sql`slot`)} || ' has a tenure from ' || since || ' until ' || until || ', and one from ' || next
        AS fault
      FROM (SELECT *, lead(since) OVER (PARTITION BY slot, clock ORDER BY since, until) AS next FROM tenure)
      WHERE until < since OR next < until`,
    "two-open-clock-steps": sql`
      SELECT steps || ' steps of the clock are open; expected one at most' AS fault
      FROM (SELECT count(*) AS steps FROM ${clockStep} WHERE ${clockStep.settledAt} IS NULL) WHERE steps > 1`,
    "pair-free-while-leased": sql`
      SELECT ${slotName(lease.slot)} || ' is free at ' || ${lease.freeAt} || ', before its lease and its quarantine end at '
        || ${keptUntil} AS fault
      FROM ${lease} WHERE ${lease.state} <= ${bound} AND ${lease.freeAt} < ${keptUntil}`,
  };
}

/** Number of slots of one pool in each state. */
export interface PoolCounts {
  readonly pool: string;
  readonly slots: number;
  /** Never used, or free again. */
  readonly free: number;
  readonly offered: number;
  readonly bound: number;
  /** Kept from other clients after a lease, a decline or a move. */
  readonly quarantined: number;
  /** Reserved for a client that does not use the slot now. */
  readonly reserved: number;
}

const fault = { fault: sql<string>`fault` };

/** Counts by reading every row. The statistics use a faster method. */
const poolCounts = (now: SQL) => {
  const total = (condition: SQL): SQL<number> => sql<number>`coalesce(sum(${condition}), 0)`;
  const isUnused = sql`NOT ${runsAt(now)}`;
  return {
    pool: pool.name,
    slots: pool.slots,
    free: sql<number>`${pool.slots} - count(${lease.slot})
      + ${total(sql`${isNotNull(lease.slot)} AND ${lease.freeAt} <= ${now}`)}`,
    offered: total(sql`${eq(lease.state, offered)} AND ${lease.expiresAt} > ${now}`),
    bound: total(sql`${eq(lease.state, bound)} AND ${lease.expiresAt} > ${now}`),
    quarantined: total(sql`${isUnused} AND ${lease.freeAt} > ${now} AND ${lease.freeAt} <> ${freeNever}`),
    reserved: total(sql`${isUnused} AND ${eq(lease.freeAt, freeNever)}`),
  };
};

/** The result of the checks of a database. */
export interface Verdict {
  /** Descriptions of the faults, each with the name of its check; empty if there are none. */
  readonly faults: readonly string[];
  readonly pools: readonly PoolCounts[];
}

/**
 * Runs all checks on one database.
 *
 * @throws {DatabaseError} When the database cannot be reached, or was never migrated.
 */
export async function verifyDatabase(database: Database): Promise<Verdict> {
  const now = clockSeconds(database);
  const faults: string[] = [];
  for (const [name, check] of Object.entries(checks(now))) {
    const template = sql`SELECT ${selectionOf(fault)} FROM (${check}) LIMIT ${verifyFaultsShownMax}`;
    const [result] = await database.read([statementOf(template)]);
    faults.push(...rowsOf(fault, result!).map((row) => `${name}: ${row.fault}`));
  }
  const selected = poolCounts(now);
  const template = sql`SELECT ${selectionOf(selected)} FROM ${pool} LEFT JOIN ${lease} ON ${lease.poolId} = ${pool.id}
    GROUP BY ${pool.id} ORDER BY ${pool.name}`;
  const [result] = await database.read([statementOf(template)]);
  const pools = rowsOf(selected, result!);
  for (const { pool: name, slots, free, offered: offers, bound: leases, quarantined, reserved } of pools) {
    const sum = free + offers + leases + quarantined + reserved;
    if (sum !== slots) faults.push(`slots-not-conserved: pool "${name}" has ${sum} of ${slots} slots`);
  }
  const unusable = await findUnusableIn(database);
  faults.push(...unusable.slice(0, verifyFaultsShownMax).map((each) => `unusable-configuration: ${each}`));
  return { faults, pools };
}

/**
 * Finds addresses and options of a database that an earlier release accepted, and that clients cannot use.
 *
 * @returns One sentence for each.
 * @throws {DatabaseError} When the database cannot be reached, or was never migrated.
 */
export async function findUnusableIn(database: Database): Promise<readonly string[]> {
  const reader = readerOf(database);
  const [domains, pools] = await reader.batch([
    reader.select().from(domain).orderBy(domain.name),
    selectPools(reader).orderBy(pool.name),
  ]);
  const poolsOf = groupBy(pools.map(poolOfRow), (each) => each.domain);
  return domains
    .map(domainOfRow)
    .flatMap(({ name, settings }) => findUnusable(name, settings, poolsOf.get(name) ?? []));
}

/** The lease of a client. It may have expired. */
export interface ClientLease {
  /** Octets of option 61 in hexadecimal. */
  readonly client: string;
  /** Key of the slot. */
  readonly slot: number;
  /** The address and port set of the slot. */
  readonly pair: Pair;
  /** Unix seconds. */
  readonly expiresAt: number;
}

const clientLease = {
  client: sql<string>`wanted.value`,
  slot: lease.slot,
  expiresAt: lease.expiresAt,
};

/**
 * Finds the leases of clients in all domains of one database.
 *
 * @param clients Octets of option 61 in hexadecimal.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function findClientLeases(
  database: Database,
  clients: readonly string[],
): Promise<readonly ClientLease[]> {
  const directory = await loadDirectory(database);
  const found: ClientLease[] = [];
  for (let first = 0; first < clients.length; first += clientsPerLookMax) {
    const wanted = JSON.stringify(clients.slice(first, first + clientsPerLookMax));
    const template = sql`SELECT ${selectionOf(clientLease)} FROM json_each(${wanted}) wanted CROSS JOIN ${domain}
      CROSS JOIN ${lease} ON ${lease.domainId} = ${domain.id} AND ${lease.clientId} = unhex(wanted.value)
      WHERE ${eq(lease.state, bound)}`;
    const [result] = await database.read([statementOf(template)]);
    for (const { client, slot, expiresAt } of rowsOf(clientLease, result!)) {
      if (hasSlot(directory, slot))
        found.push({ client, slot, pair: pairOfKey(directory, slot).pair, expiresAt });
    }
  }
  return found;
}
