/**
 * Changes of domains, as statements whose conditions say when the change is allowed.
 *
 * @module
 */
import { and, eq, exists, gte, isNull, lte, notExists, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import { nameOf, namesOf } from "../database/columns.ts";
import type { Writer } from "../database/queries.ts";
import { accessToken, configuration, domain, pool } from "../database/schema.ts";
import type { AuditEntry } from "./audit.ts";
import type { Change } from "./change.ts";
import { settingsText } from "./declared.ts";
import type { Selecting, StoredDomain } from "./declared.ts";

/** @returns A domain in the format of the API and the audit record. */
function showDomain(name: string, settings: DomainSettings) {
  return { name, ...settings };
}

/** A condition: the configuration still has this revision. */
function isRevision(writer: Writer, revision: number | undefined): SQL | undefined {
  if (revision === undefined) return undefined;
  return exists(
    writer
      .select({ id: configuration.id })
      .from(configuration)
      .where(and(eq(configuration.id, 1), eq(configuration.revision, revision))),
  );
}

/**
 * Creates a domain, unless it exists.
 *
 * @param revision The revision of the configuration that was compared with the domain. Default: any, because the
 *   transaction checks it.
 */
export function createDomain(
  writer: Writer,
  actor: string,
  name: string,
  settings: DomainSettings,
  revision?: number,
): Change {
  const condition = isRevision(writer, revision) ?? sql`true`;
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

/**
 * Starts a query for a pool of a domain that contains its new server identifier. A server identifier that does not
 * change is not checked: an earlier release may have accepted it, and it must not prevent other changes.
 */
export function selectPoolsWithServer(
  builder: Selecting,
  { id, settings: former }: StoredDomain,
  { serverIdentifier }: DomainSettings,
) {
  const address = parseIPv4(serverIdentifier);
  return builder
    .select({ name: pool.name })
    .from(pool)
    .where(
      and(
        serverIdentifier === former.serverIdentifier ? sql`false` : eq(pool.domainId, id),
        lte(pool.firstAddress, address),
        gte(pool.lastAddress, address),
      ),
    )
    .limit(1);
}

/**
 * Changes the settings of a domain, unless it was changed after it was read, or a pool contains its new server
 * identifier.
 *
 * @param revision As for {@link createDomain}.
 */
export function changeDomain(
  writer: Writer,
  actor: string,
  stored: StoredDomain,
  settings: DomainSettings,
  revision?: number,
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
          isRevision(writer, revision),
          notExists(selectPoolsWithServer(writer, stored, settings)),
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

const ownerChange = (actor: string, name: string, from: string | null, to: string | null): AuditEntry => ({
  actor,
  action: to === null ? "release" : "own",
  resource: "domain",
  name,
  domain: name,
  before: { name, ownedBy: from },
  after: { name, ownedBy: to },
});

/** Makes a file the owner of a domain, which the same transaction may have created. */
export function claimDomain(writer: Writer, actor: string, name: string, owner: string): Change {
  return {
    statement: writer
      .update(domain)
      .set({ owner, version: sql`${domain.version} + 1` })
      .where(and(eq(domain.name, name), isNull(domain.owner)))
      .returning({ id: domain.id }),
    audit: ownerChange(actor, name, null, owner),
  };
}

/** Takes a domain from the file that owns it. */
export function releaseDomain(writer: Writer, actor: string, { id, name, owner }: StoredDomain): Change {
  return {
    statement: writer
      .update(domain)
      .set({ owner: null, version: sql`${domain.version} + 1` })
      .where(and(eq(domain.id, id), eq(domain.owner, owner ?? "")))
      .returning({ id: domain.id }),
    audit: ownerChange(actor, name, owner, null),
  };
}
