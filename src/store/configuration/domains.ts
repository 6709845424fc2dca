/**
 * The store of domains, for operators.
 *
 * @module
 */
import { and, count, eq, gt } from "drizzle-orm";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import { domainsMax, namesShownMax } from "../../limits.ts";
import { allPlaces, homeOf, inScope, listByName } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { placesFor } from "../database/places-for.ts";
import { readerOf, readRows, writerOf } from "../database/queries.ts";
import { accessToken, domain, pool } from "../database/schema.ts";
import { canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";
import { commitChange } from "./change.ts";
import { domainOfRow, settingsText } from "./declared.ts";
import type { Selecting, StoredDomain } from "./declared.ts";
import { changeDomain, createDomain, deleteDomain, selectOtherDefault } from "./domain-changes.ts";
import type { NamePage } from "./name-page.ts";
import { replacementRefusal, staleness } from "./precondition.ts";
import type { ChangeRefusal, Precondition, PutRefusal } from "./precondition.ts";

/** Another domain is already the default. */
export interface SecondDefault {
  readonly kind: "second-default";
  /** Name of that domain; undefined when the caller may not see it. */
  readonly other: string | undefined;
}

/** The outcome of changing a domain. `unchanged`: the domain already had these settings. */
export type DomainChange =
  { readonly kind: "changed" | "unchanged"; readonly domain: StoredDomain } | SecondDefault | ChangeRefusal;

/** The outcome of creating or replacing a domain. */
export type DomainPut =
  | DomainChange
  | { readonly kind: "created"; readonly domain: StoredDomain }
  /** The caller is restricted to one domain, so it must not create another. */
  | { readonly kind: "forbidden" }
  /** The allocator already has the maximum number of domains. */
  | { readonly kind: "too-many" }
  | PutRefusal;

/** The outcome of deleting a domain. */
export type DomainDeletion =
  | { readonly kind: "deleted" }
  | { readonly kind: "forbidden" }
  /** The domain has pools or tokens, of which at most ten each are named. */
  | { readonly kind: "in-use"; readonly pools: readonly string[]; readonly tokens: readonly string[] }
  | ChangeRefusal;

/** The domains of all databases. Every method throws {@link DatabaseError} when a database cannot be reached. */
export interface DomainStore {
  /** Lists the domains that the caller may see, by name. */
  readonly list: (principal: Principal, page: NamePage) => Promise<readonly StoredDomain[]>;
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
    list: (principal, page) =>
      listByName(
        placesFor(databases, principal),
        page.limit,
        (place) => listDomains(place, page),
        ({ name }) => name,
      ),
    find,
    put: async (principal, name, settings, precondition) => {
      const stored = await find(principal, name);
      if (stored === undefined) {
        if (principal.domain !== null) return { kind: "forbidden" };
        if (precondition.version !== undefined) return { kind: "not-found" };
        return create(databases, principal, name, settings);
      }
      const isSame = settingsText(stored.settings) === settingsText(settings);
      const refusal = replacementRefusal(precondition, stored.version, isSame);
      return refusal ?? update(databases, principal, stored, settings);
    },
    change: async (principal, name, precondition, revise) => {
      const stored = await find(principal, name);
      if (stored === undefined) return { kind: "not-found" };
      const stale = staleness(precondition, stored.version);
      return stale ?? update(databases, principal, stored, revise(stored));
    },
    delete: async (principal, name, precondition) => {
      if (principal.domain !== null) return { kind: "forbidden" };
      const stored = await find(principal, name);
      if (stored === undefined) return { kind: "not-found" };
      return staleness(precondition, stored.version) ?? remove(databases, principal, stored);
    },
  };
}

async function listDomains(
  { database, scope }: Place,
  { after = "", limit }: NamePage,
): Promise<StoredDomain[]> {
  const rows = await readRows(
    database,
    readerOf(database)
      .select()
      .from(domain)
      .where(and(gt(domain.name, after), inScope(domain.name, scope)))
      .orderBy(domain.name)
      .limit(limit),
  );
  return rows.map(domainOfRow);
}

async function findDomain({ database }: Place, name: string): Promise<StoredDomain | undefined> {
  const [row] = await readRows(database, selectDomainNamed(readerOf(database), name));
  return row === undefined ? undefined : domainOfRow(row);
}

function selectDomainNamed(builder: Selecting, name: string) {
  return builder.select().from(domain).where(eq(domain.name, name));
}

/**
 * Creates a domain. The statement ensures that its own database has at most one default domain. The other databases are
 * checked before.
 */
async function create(
  databases: Databases,
  principal: Principal,
  name: string,
  settings: DomainSettings,
): Promise<DomainPut> {
  const { database, scope } = homeOf(databases, name);
  const summaries = await Promise.all(allPlaces(databases).map((place) => findOtherDomains(place, name)));
  if (summaries.reduce((sum, { domains }) => sum + domains, 0) >= domainsMax) return { kind: "too-many" };
  const elsewhere = summaries.find((each) => each.database !== database && each.otherDefault !== undefined);
  if (settings.default && elsewhere !== undefined) return secondDefault(principal, elsewhere.otherDefault);
  const writer = writerOf(database);
  const { isDone, found } = await commitChange(
    database,
    createDomain(writer, principal.name, name, settings, scope),
    [selectDomainNamed(writer, name), selectOtherDefault(writer, name, scope)],
  );
  const [[row], [other]] = found;
  if (row === undefined) return secondDefault(principal, other?.name);
  return isDone ? { kind: "created", domain: domainOfRow(row) } : { kind: "exists" };
}

async function update(
  databases: Databases,
  principal: Principal,
  stored: StoredDomain,
  settings: DomainSettings,
): Promise<DomainChange> {
  const { name } = stored;
  if (settingsText(stored.settings) === settingsText(settings)) return { kind: "unchanged", domain: stored };
  const { database, scope } = homeOf(databases, name);
  if (settings.default) {
    const others = allPlaces(databases).filter((place) => place.database !== database);
    const summaries = await Promise.all(others.map((place) => findOtherDomains(place, name)));
    const elsewhere = summaries.find(({ otherDefault }) => otherDefault !== undefined);
    if (elsewhere !== undefined) return secondDefault(principal, elsewhere.otherDefault);
  }
  const writer = writerOf(database);
  const { isDone, found } = await commitChange(
    database,
    changeDomain(writer, principal.name, stored, settings, scope),
    [selectDomainNamed(writer, name), selectOtherDefault(writer, name, scope)],
  );
  const [[row], [other]] = found;
  if (isDone && row !== undefined) return { kind: "changed", domain: domainOfRow(row) };
  if (row?.version !== stored.version) return { kind: "changed-meanwhile" };
  return secondDefault(principal, other?.name);
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

/** Counts the domains of a place, and finds its default domain if that has a different name. */
async function findOtherDomains({ database, scope }: Place, name: string) {
  const reader = readerOf(database);
  const [[counted], [other]] = await reader.batch([
    reader.select({ domains: count() }).from(domain).where(inScope(domain.name, scope)),
    selectOtherDefault(reader, name, scope),
  ]);
  return { database, domains: counted!.domains, otherDefault: other?.name };
}

function secondDefault(principal: Principal, other: string | undefined): SecondDefault {
  const isSeen = other !== undefined && canAccess(principal, other);
  return { kind: "second-default", other: isSeen ? other : undefined };
}
