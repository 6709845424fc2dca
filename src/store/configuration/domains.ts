/**
 * Domains, as an operator reads and changes them.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import type { Change } from "./change.ts";
import { scopeArguments, scopeCondition } from "../database/databases.ts";
import type { Place, Scope } from "../database/databases.ts";
import { domainColumns, domainOfRow, settingsText } from "./declared.ts";
import type { StoredDomain } from "./declared.ts";

/** Which domains. */
export interface DomainQuery {
  readonly limit: number;
  /** Only names behind this one. */
  readonly after: string | undefined;
}

/**
 * Lists domains by name.
 *
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function listDomains(
  { database, scope }: Place,
  { after, limit }: DomainQuery,
): Promise<StoredDomain[]> {
  const { rows } = await database.execute({
    sql: `SELECT ${domainColumns} FROM domain d WHERE d.name > :after AND ${scopeCondition("d.name")}
      ORDER BY d.name LIMIT :limit`,
    args: { after: after ?? "", limit, ...scopeArguments(scope) },
  });
  return rows.map(domainOfRow);
}

/** @returns The domain of this name, if there is one. */
export async function findDomain(client: Client, name: string): Promise<StoredDomain | undefined> {
  const { rows } = await client.execute({
    sql: `SELECT ${domainColumns} FROM domain d WHERE d.name = :name`,
    args: { name },
  });
  return rows[0] === undefined ? undefined : domainOfRow(rows[0]);
}

/** @returns The name of the domain that takes the clients of no other, if there is one. */
export async function findDefaultDomain({ database, scope }: Place): Promise<string | undefined> {
  const { rows } = await database.execute({
    sql: `SELECT name FROM domain WHERE json_extract(settings, '$.default') AND ${scopeCondition("name")} LIMIT 1`,
    args: scopeArguments(scope),
  });
  return rows[0]?.name as string | undefined;
}

/** As the API shows it. */
export function showDomain(name: string, settings: DomainSettings) {
  return { name, ...settings };
}

const noOtherDefault = `(NOT json_extract(:settings, '$.default')
    OR NOT EXISTS (SELECT 1 FROM domain other WHERE other.name <> :name AND json_extract(other.settings, '$.default')
      AND ${scopeCondition("other.name")}))`;

const allDomains: Scope = { only: null, except: [] };

/**
 * A domain that is not there yet. There is one default at most.
 *
 * @param scope The domains of the database that count.
 */
export function createDomain(
  actor: string,
  name: string,
  settings: DomainSettings,
  scope: Scope = allDomains,
): Change {
  return {
    statement: {
      sql: `INSERT INTO domain (name, settings) SELECT :name, :settings WHERE ${noOtherDefault}
        ON CONFLICT (name) DO NOTHING RETURNING id`,
      args: { name, settings: settingsText(settings), ...scopeArguments(scope) },
    },
    audit: {
      actor,
      action: "create",
      resource: "domain",
      name,
      domain: name,
      before: null,
      after: showDomain(name, settings),
    },
  };
}

/** Other settings for a domain that is as it was looked at. */
export function changeDomain(
  actor: string,
  stored: StoredDomain,
  settings: DomainSettings,
  scope: Scope = allDomains,
): Change {
  const { id, name, version } = stored;
  return {
    statement: {
      sql: `UPDATE domain SET settings = :settings, version = version + 1
        WHERE id = :id AND version = :version AND name = :name AND ${noOtherDefault} RETURNING id`,
      args: { id, name, version, settings: settingsText(settings), ...scopeArguments(scope) },
    },
    audit: {
      actor,
      action: "change",
      resource: "domain",
      name,
      domain: name,
      before: showDomain(name, stored.settings),
      after: showDomain(name, settings),
    },
  };
}

/** A domain that has neither pools nor tokens goes. What it leased is in history. */
export function deleteDomain(actor: string, { id, name, version, settings }: StoredDomain): Change {
  return {
    statement: {
      sql: `DELETE FROM domain WHERE id = :id AND version = :version
        AND NOT EXISTS (SELECT 1 FROM pool WHERE domain_id = :id)
        AND NOT EXISTS (SELECT 1 FROM access_token WHERE domain_id = :id) RETURNING id`,
      args: { id, version },
    },
    audit: {
      actor,
      action: "delete",
      resource: "domain",
      name,
      domain: name,
      before: showDomain(name, settings),
      after: null,
    },
  };
}

/** What keeps a domain from being deleted. */
export async function usersOfDomain(
  client: Client,
  id: number,
): Promise<{ readonly pools: readonly string[]; readonly tokens: readonly string[] }> {
  const [pools, tokens] = await client.batch(
    [
      { sql: "SELECT name FROM pool WHERE domain_id = :id ORDER BY name LIMIT 10", args: { id } },
      { sql: "SELECT name FROM access_token WHERE domain_id = :id ORDER BY name LIMIT 10", args: { id } },
    ],
    "read",
  );
  const names = (result: typeof pools) => result!.rows.map((row) => row.name as string);
  return { pools: names(pools), tokens: names(tokens) };
}
