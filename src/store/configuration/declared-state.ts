/**
 * The configuration that a database has, as a declared state.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import * as v from "valibot";
import { declarationSchema } from "../../declaration/declaration.ts";
import type { Declaration } from "../../declaration/declaration.ts";
import { isInScope } from "../database/databases.ts";
import type { Place, Scope } from "../database/databases.ts";
import {
  domainColumns,
  domainOfRow,
  poolColumns,
  poolOfRow,
  reservationColumns,
  reservationOfRow,
} from "./declared.ts";
import type { StoredDomain, StoredPool, StoredReservation } from "./declared.ts";

/** All that is configured. */
export interface State {
  readonly revision: number;
  /** Unix seconds by the database's clock. */
  readonly now: number;
  readonly domains: readonly StoredDomain[];
  readonly pools: readonly StoredPool[];
  readonly reservations: readonly StoredReservation[];
  /** Pools that do not count, and are in the way all the same: of domains that were moved, and of other databases. */
  readonly otherPools: readonly StoredPool[];
}

/**
 * Reads all that is configured.
 *
 * @param scope The domains that count; default: all.
 * @param elsewhere Pools of other databases.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function loadState(
  client: Client,
  scope?: Scope,
  elsewhere: readonly StoredPool[] = [],
): Promise<State> {
  const [revisions, domains, pools, reservations] = await client.batch(
    [
      "SELECT revision, unixepoch() AS now FROM configuration",
      `SELECT ${domainColumns} FROM domain d ORDER BY d.name`,
      `SELECT ${poolColumns} FROM pool p JOIN domain d ON d.id = p.domain_id ORDER BY p.name`,
      `SELECT ${reservationColumns} FROM reservation r JOIN pool p ON p.id = r.pool_id
        JOIN domain d ON d.id = r.domain_id ORDER BY r.name`,
    ],
    "read",
  );
  const counts = (domain: string): boolean => scope === undefined || isInScope(scope, domain);
  const allPools = pools!.rows.map(poolOfRow);
  return {
    revision: Number(revisions!.rows[0]!.revision),
    now: Number(revisions!.rows[0]!.now),
    domains: domains!.rows.map(domainOfRow).filter(({ name }) => counts(name)),
    pools: allPools.filter(({ domain }) => counts(domain)),
    reservations: reservations!.rows.map(reservationOfRow).filter(({ domain }) => counts(domain)),
    otherPools: [...allPools.filter(({ domain }) => !counts(domain)), ...elsewhere],
  };
}

/** A configuration, and the revision that it is of. */
export interface Declared {
  readonly revision: number;
  readonly declaration: Declaration;
}

/**
 * Reads the whole configuration as a declared state: what applied again changes nothing.
 *
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function readDeclared({ database, scope }: Place): Promise<Declared> {
  const { revision, ...state } = await loadState(database, scope);
  const domains = state.domains.map(({ name, settings }) => ({
    name,
    ...settings,
    pools: state.pools.filter(({ domain }) => domain === name).map(({ declared }) => declared),
    reservations: state.reservations.filter(({ domain }) => domain === name).map(({ declared }) => declared),
  }));
  return { revision, declaration: v.parse(declarationSchema, { domains }) };
}
