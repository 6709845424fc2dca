/**
 * Does a database hold what must always hold? Each question is one statement, which reads one consistent state, so a
 * database may be asked while it is in use. The questions use nothing of what allocators keep in memory.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import { freeNever, LeaseState } from "../database/schema.ts";

const { offered, bound } = LeaseState;

/** A question whose every row is a fault. */
interface Question {
  readonly name: string;
  /** Selects one column, `fault`: what was found, in words. */
  readonly sql: string;
}

/** Faults of one kind that are told: more say no more to a reader. */
const faultsShown = 20;

const slotName = (slot: string): string =>
  `'slot ' || (${slot} & 4294967295) || ' of pool ' || (${slot} >> 32)`;
const isRunning = `expires_at > unixepoch()`;

/** All questions. */
export const questions: readonly Question[] = [
  {
    // A slot is a primary key, and slots of one pool have disjoint ports: what is left is pools that overlap.
    name: "addresses-in-two-pools",
    sql: `SELECT 'pools "' || a.name || '" and "' || b.name || '" have addresses in common' AS fault
      FROM pool a JOIN pool b ON a.id < b.id
      WHERE a.first_address <= b.last_address AND b.first_address <= a.last_address`,
  },
  {
    name: "lease-outside-of-its-pool",
    sql: `SELECT ${slotName("lease.slot")} || ' is leased; expected a slot below '
        || coalesce(pool.slots, '- no such pool') AS fault
      FROM lease LEFT JOIN pool ON pool.id = lease.slot >> 32
      WHERE pool.id IS NULL OR (lease.slot & 4294967295) >= pool.slots`,
  },
  {
    name: "lease-of-another-domain",
    sql: `SELECT ${slotName("lease.slot")} || ' is leased in domain ' || lease.domain_id || '; its pool belongs to domain '
        || pool.domain_id AS fault
      FROM pool CROSS JOIN lease ON lease.pool_id = pool.id
      WHERE lease.domain_id <> pool.domain_id`,
  },
  {
    name: "client-with-two-pairs",
    sql: `SELECT 'client ' || lower(hex(client_id)) || ' of domain ' || domain_id || ' has ' || count(*) || ' rows' AS fault
      FROM lease WHERE client_id IS NOT NULL GROUP BY domain_id, client_id HAVING count(*) > 1`,
  },
  {
    name: "slot-lost-behind-the-cursor",
    sql: `SELECT 'pool "' || name || '" has ' || used || ' rows below its cursor at ' || cursor || ' of ' || slots AS fault
      FROM (SELECT *, (SELECT count(*) FROM lease
          WHERE slot >= pool.id << 32 AND slot < (pool.id << 32) + pool.cursor) AS used FROM pool)
      WHERE used <> cursor OR cursor > slots`,
  },
  {
    name: "softwire-of-two-leases",
    sql: `SELECT 'softwire ' || lower(hex(softwire)) || ' belongs to ' || count(*) || ' running leases' AS fault
      FROM lease WHERE softwire IS NOT NULL AND state = ${bound} AND ${isRunning}
      GROUP BY softwire HAVING count(*) > 1`,
  },
  {
    name: "site-beyond-its-limit",
    sql: `SELECT 'site ' || site || ' of domain "' || name || '" has ' || count(*) || ' leases and offers; its limit is '
        || json_extract(settings, '$.siteLeasesMax') AS fault
      FROM domain CROSS JOIN lease ON lease.domain_id = domain.id
      WHERE json_extract(settings, '$.siteLeasesMax') IS NOT NULL AND site IS NOT NULL
        AND state <= ${bound} AND ${isRunning}
      GROUP BY domain.id, site HAVING count(*) > json_extract(settings, '$.siteLeasesMax')`,
  },
  {
    name: "tenures-that-overlap",
    sql: `WITH tenure(slot, since, until) AS (
        SELECT slot, since, until FROM history
        UNION ALL SELECT slot, since, max(expires_at, since) FROM lease WHERE since IS NOT NULL
      )
      SELECT ${slotName("slot")} || ' has a tenure from ' || since || ' until ' || until || ', and one from ' || next AS fault
      FROM (SELECT *, lead(since) OVER (PARTITION BY slot ORDER BY since, until) AS next FROM tenure)
      WHERE until < since OR next < until`,
  },
  {
    name: "pair-free-while-leased",
    sql: `SELECT ${slotName("slot")} || ' is free at ' || free_at || ', before its lease ends at ' || expires_at AS fault
      FROM lease WHERE state <= ${bound} AND free_at < expires_at`,
  },
];

/** Slots of one pool, by what they are. */
export interface PoolCounts {
  readonly pool: string;
  readonly slots: number;
  /** Never used, or free again. */
  readonly free: number;
  readonly offered: number;
  readonly bound: number;
  /** Neither leased nor free yet: after a lease, or declined. */
  readonly quarantined: number;
  /** Kept for a client that does not use it now. */
  readonly reserved: number;
}

const countPools = `SELECT name AS pool, slots,
    slots - count(slot) + sum(slot IS NOT NULL AND free_at <= unixepoch()) AS free,
    coalesce(sum(state = ${offered} AND ${isRunning}), 0) AS offered,
    coalesce(sum(state = ${bound} AND ${isRunning}), 0) AS bound,
    coalesce(sum(NOT (state <= ${bound} AND ${isRunning})
      AND free_at > unixepoch() AND free_at <> ${freeNever}), 0) AS quarantined,
    coalesce(sum(NOT (state <= ${bound} AND ${isRunning}) AND free_at = ${freeNever}), 0) AS reserved
  FROM pool LEFT JOIN lease ON lease.pool_id = pool.id GROUP BY pool.id ORDER BY pool.name`;

/** What a database was found to be. */
export interface Verdict {
  /** In words, by the name of the question; empty when all is well. */
  readonly faults: readonly string[];
  readonly pools: readonly PoolCounts[];
}

/**
 * Asks all questions.
 *
 * @throws {LibsqlError} When the database can't be reached, or was never migrated.
 */
export async function verifyDatabase(client: Client): Promise<Verdict> {
  const faults: string[] = [];
  for (const { name, sql } of questions) {
    const { rows } = await client.execute(`SELECT fault FROM (${sql}) LIMIT ${faultsShown}`);
    faults.push(...rows.map(({ fault }) => `${name}: ${fault as string}`));
  }
  const { rows } = await client.execute(countPools);
  const pools = rows.map((row) => ({ ...row }) as unknown as PoolCounts);
  for (const { pool, slots, free, offered: offers, bound: leases, quarantined, reserved } of pools) {
    const sum = free + offers + leases + quarantined + reserved;
    if (sum !== slots) faults.push(`slots-not-conserved: pool "${pool}" has ${sum} of ${slots} slots`);
  }
  return { faults, pools };
}

/** The lease of a client. */
export interface FoundLease {
  readonly client: string;
  readonly slot: number;
  readonly expiresAt: number;
}

/** Clients that one statement looks for. */
const clientsPerLook = 1000;

/**
 * Finds the leases of clients, in whichever domain.
 *
 * @param clients Octets of option 61 in hexadecimal.
 * @throws {LibsqlError} When the database can't be reached.
 */
export async function findLeases(client: Client, clients: readonly string[]): Promise<readonly FoundLease[]> {
  const found: FoundLease[] = [];
  for (let first = 0; first < clients.length; first += clientsPerLook) {
    const { rows } = await client.execute({
      sql: `SELECT wanted.value AS client, slot, expires_at AS expiresAt
        FROM json_each(:clients) wanted CROSS JOIN domain
        CROSS JOIN lease ON lease.domain_id = domain.id AND lease.client_id = unhex(wanted.value)
        WHERE state = ${bound}`,
      args: { clients: JSON.stringify(clients.slice(first, first + clientsPerLook)) },
    });
    found.push(...rows.map((row) => ({ ...row }) as unknown as FoundLease));
  }
  return found;
}
