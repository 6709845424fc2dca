/**
 * Changes of domains, as statements whose conditions say when the change is allowed.
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

/** @returns A domain in the format of the API and the audit record. */
function showDomain(name: string, settings: DomainSettings) {
  return { name, ...settings };
}

/**
 * Starts a query for a default domain with a different name. The default domain serves clients that match no other
 * domain.
 */
export function selectOtherDefault(builder: Selecting, name: string, scope: DomainScope) {
  return builder
    .select({ name: domain.name })
    .from(domain)
    .where(and(isDefault, ne(domain.name, name), inScope(domain.name, scope)))
    .limit(1);
}

/** A condition: the domain is the default. */
const isDefault: SQL = sql`json_extract(${domain.settings}, '$.default')`;

/** A condition: the change does not create a second default domain. Undefined when it cannot. */
function noSecondDefault(
  writer: Writer,
  name: string,
  settings: DomainSettings,
  scope: DomainScope,
): SQL | undefined {
  return settings.default ? notExists(selectOtherDefault(writer, name, scope)) : undefined;
}

/**
 * Creates a domain, unless it exists.
 *
 * @param scope The domains of the database that are in scope.
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

/** Changes the settings of a domain, unless it was changed after it was read. */
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

/** Deletes a domain that has neither pools nor tokens. Its former leases stay in history. */
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
