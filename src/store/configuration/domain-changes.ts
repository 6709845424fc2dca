/**
 * Changes of domains, as statements whose conditions say when they may happen.
 *
 * @module
 */
import { and, eq, ne, notExists, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import { nameOf, namesOf } from "../database/columns.ts";
import { inScope } from "../database/databases.ts";
import type { DomainScope } from "../database/databases.ts";
import type { Writer } from "../database/queries.ts";
import { accessToken, domain, pool } from "../database/schema.ts";
import type { Change } from "./change.ts";
import { settingsText } from "./declared.ts";
import type { Selecting, StoredDomain } from "./declared.ts";

/** @returns A domain as the API and the record of changes show it. */
function showDomain(name: string, settings: DomainSettings) {
  return { name, ...settings };
}

/** Starts a query of the domain, other than the named one, that takes the clients of no other. */
export function selectOtherDefault(builder: Selecting, name: string, scope: DomainScope) {
  return builder
    .select({ name: domain.name })
    .from(domain)
    .where(and(isDefault, ne(domain.name, name), inScope(domain.name, scope)))
    .limit(1);
}

/** The domain takes the clients of no other. */
const isDefault: SQL = sql`json_extract(${domain.settings}, '$.default')`;

/** At most one domain is the default. */
function noSecondDefault(
  writer: Writer,
  name: string,
  settings: DomainSettings,
  scope: DomainScope,
): SQL | undefined {
  return settings.default ? notExists(selectOtherDefault(writer, name, scope)) : undefined;
}

/**
 * A domain that does not exist yet.
 *
 * @param scope The domains of the database that count.
 */
export function createDomain(
  writer: Writer,
  actor: string,
  name: string,
  settings: DomainSettings,
  scope: DomainScope,
): Change {
  const condition = noSecondDefault(writer, name, settings, scope) ?? sql`true`;
  return {
    statement: writer.all(sql`INSERT INTO ${domain} (${namesOf(domain.name, domain.settings)})
      SELECT ${name}, ${settingsText(settings)} WHERE ${condition}
      ON CONFLICT (${nameOf(domain.name)}) DO NOTHING RETURNING ${nameOf(domain.id)}`),
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
  writer: Writer,
  actor: string,
  stored: StoredDomain,
  settings: DomainSettings,
  scope: DomainScope,
): Change {
  const { id, name, version } = stored;
  return {
    statement: writer
      .update(domain)
      .set({ settings: settingsText(settings), version: sql`${domain.version} + 1` })
      .where(
        and(
          eq(domain.id, id),
          eq(domain.version, version),
          eq(domain.name, name),
          noSecondDefault(writer, name, settings, scope),
        ),
      )
      .returning({ id: domain.id }),
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
export function deleteDomain(
  writer: Writer,
  actor: string,
  { id, name, version, settings }: StoredDomain,
): Change {
  return {
    statement: writer
      .delete(domain)
      .where(
        and(
          eq(domain.id, id),
          eq(domain.version, version),
          notExists(writer.select({ id: pool.id }).from(pool).where(eq(pool.domainId, id))),
          notExists(
            writer.select({ id: accessToken.id }).from(accessToken).where(eq(accessToken.domainId, id)),
          ),
        ),
      )
      .returning({ id: domain.id }),
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
