/**
 * The store of domains, for operators.
 *
 * @module
 */
import { and, eq, gt, sql } from "drizzle-orm";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import { namesShownMax } from "../../limits.ts";
import { homeOf, inScope, listByName } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { exceedsPage } from "../database/page-size.ts";
import { placesFor } from "../database/places-for.ts";
import { readerOf, readRows, writerOf } from "../database/queries.ts";
import { accessToken, domain, pool } from "../database/schema.ts";
import { assertAllDomains, canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { commitChange, commitEach } from "./change.ts";
import { domainOfRow, settingsText } from "./declared.ts";
import type { StoredDomain } from "./declared.ts";
import { deleteDomain, releaseDomain } from "./domain-changes.ts";
import { createDomainFor, selectDomainNamed, findForbiddenFields, updateDomain } from "./domain-put.ts";
import type { DomainChange, DomainPut } from "./domain-put.ts";
import type { NamePage } from "./name-page.ts";
import { replacementRefusal, staleness } from "./precondition.ts";
import type { ChangeRefusal, Precondition } from "./precondition.ts";

/** The outcome of deleting a domain. */
export type DomainDeletion =
  | { readonly kind: "deleted" }
  | { readonly kind: "forbidden" }
  /** The domain has pools or tokens, of which at most ten each are named. */
  | { readonly kind: "in-use"; readonly pools: readonly string[]; readonly tokens: readonly string[] }
  | ChangeRefusal;

/** Some domains of a list. */
export interface DomainPage {
  readonly domains: readonly StoredDomain[];
  /** Whether the page ends early, so that more domains follow. */
  readonly isCut: boolean;
}

/** The domains of all databases. Every method throws {@link DatabaseError} when a database cannot be reached. */
export interface DomainStore {
  /** Lists the domains that the caller may see, by name. A page with too many octets ends early. */
  readonly list: (principal: Principal, page: NamePage) => Promise<DomainPage>;
  /** @returns The domain of this name, if it exists and the caller may see it. */
  readonly find: (principal: Principal, name: string) => Promise<StoredDomain | undefined>;
  /** Creates a domain, or replaces its settings. */
  readonly put: (
    principal: Principal,
    name: string,
    settings: DomainSettings,
    precondition: Precondition,
  ) => Promise<DomainPut>;
  /**
   * Changes settings of a domain.
   *
   * @param revise Returns the new settings. An error that it throws is passed on.
   */
  readonly change: (
    principal: Principal,
    name: string,
    precondition: Precondition,
    revise: (stored: StoredDomain) => DomainSettings,
  ) => Promise<DomainChange>;
  /** Takes a domain from the file that owns it. */
  readonly release: (principal: Principal, name: string, precondition: Precondition) => Promise<DomainChange>;
  /** Deletes a domain that has neither pools nor tokens. */
  readonly delete: (
    principal: Principal,
    name: string,
    precondition: Precondition,
  ) => Promise<DomainDeletion>;
}

/** Creates the store of domains. */
export function createDomainStore(databases: Databases): DomainStore {
  const find: DomainStore["find"] = async (principal, name) =>
    canAccess(principal, name) ? findDomain(homeOf(databases, name), name) : undefined;
  return {
    list: async (principal, page) => {
      const rows = await listByName(
        placesFor(databases, principal),
        page.limit,
        (place) => listDomains(place, page),
        ({ name }) => name,
      );
      const end = rows.findIndex(({ settings }) => settings === null);
      const shown = end < 0 ? rows : rows.slice(0, end);
      return {
        domains: shown.map((row) => domainOfRow({ ...row, settings: row.settings! })),
        isCut: end >= 0,
      };
    },
    find,
    put: async (principal, name, settings, precondition) => {
      const stored = await find(principal, name);
      if (stored === undefined) {
        if (principal.domain !== null) return { kind: "forbidden" };
        if (precondition.versions !== undefined) return { kind: "not-found" };
        return createDomainFor(databases, principal, name, settings);
      }
      const isSame = settingsText(stored.settings) === settingsText(settings);
      return (
        findForbiddenFields(principal, stored.settings, settings) ??
        replacementRefusal(precondition, stored.version, isSame) ??
        updateDomain(databases, principal, stored, settings)
      );
    },
    change: async (principal, name, precondition, revise) => {
      const stored = await find(principal, name);
      if (stored === undefined) return { kind: "not-found" };
      const stale = staleness(precondition, stored.version);
      if (stale !== undefined) return stale;
      const settings = revise(stored);
      return (
        findForbiddenFields(principal, stored.settings, settings) ??
        updateDomain(databases, principal, stored, settings)
      );
    },
    release: async (principal, name, precondition) => {
      assertAllDomains(principal, "release a domain");
      const stored = await find(principal, name);
      if (stored === undefined) return { kind: "not-found" };
      const stale = staleness(precondition, stored.version);
      if (stale !== undefined) return stale;
      if (stored.owner === null) return { kind: "unchanged", domain: stored };
      const { database } = homeOf(databases, name);
      await commitEach(database, [releaseDomain(writerOf(database), principal.name, stored)]);
      const released = await find(principal, name);
      return released?.owner === null ? { kind: "changed", domain: released } : { kind: "changed-meanwhile" };
    },
    delete: async (principal, name, precondition) => {
      if (principal.domain !== null) return { kind: "forbidden" };
      const stored = await find(principal, name);
      if (stored === undefined) return { kind: "not-found" };
      return staleness(precondition, stored.version) ?? remove(databases, principal, stored);
    },
  };
}

/** Lists rows. Those that would make the page too long have no settings. */
async function listDomains({ database, scope }: Place, { after = "", limit }: NamePage) {
  const reader = readerOf(database);
  const page = reader
    .select()
    .from(domain)
    .where(and(gt(domain.name, after), inScope(domain.name, scope)))
    .orderBy(domain.name)
    .limit(limit)
    .as("page");
  const isLeftOut = exceedsPage(sql`length(${page.settings})`, sql`${page.name}`);
  return readRows(
    database,
    reader
      .select({
        id: page.id,
        name: page.name,
        version: page.version,
        owner: page.owner,
        settings: sql<string | null>`iif(${isLeftOut}, NULL, ${page.settings})`,
      })
      .from(page)
      .orderBy(page.name),
  );
}

async function findDomain({ database }: Place, name: string): Promise<StoredDomain | undefined> {
  const [row] = await readRows(database, selectDomainNamed(readerOf(database), name));
  return row === undefined ? undefined : domainOfRow(row);
}

async function remove(
  databases: Databases,
  principal: Principal,
  stored: StoredDomain,
): Promise<DomainDeletion> {
  const { id, name } = stored;
  const { database } = homeOf(databases, name);
  const writer = writerOf(database);
  const { isDone, found } = await commitChange(database, deleteDomain(writer, principal.name, stored), [
    selectDomainNamed(writer, name),
    writer
      .select({ name: pool.name })
      .from(pool)
      .where(eq(pool.domainId, id))
      .orderBy(pool.name)
      .limit(namesShownMax),
    writer
      .select({ name: accessToken.name })
      .from(accessToken)
      .where(eq(accessToken.domainId, id))
      .orderBy(accessToken.name)
      .limit(namesShownMax),
  ]);
  if (isDone) return { kind: "deleted" };
  const [[row], pools, tokens] = found;
  if (row?.version !== stored.version) return { kind: "changed-meanwhile" };
  return { kind: "in-use", pools: pools.map((each) => each.name), tokens: tokens.map((each) => each.name) };
}
