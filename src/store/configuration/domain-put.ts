/**
 * Creates and changes domains. No two domains serve the same ({@link servedBy}), which involves all databases.
 *
 * A domain is compared with the others before its transaction. The transaction makes the change only if the
 * configuration of its own database still has the revision that was compared; otherwise the domain is compared again.
 * It cannot see other databases. They are compared once more after it, in case another caller made a change there at
 * the same time: then both callers may take their change back.
 *
 * @module
 */
import { eq, sql } from "drizzle-orm";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import { applyAttemptsMax, domainsMax } from "../../limits.ts";
import { allPlaces, homeOf, isInScope } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { readerOf, writerOf } from "../database/queries.ts";
import { configuration, domain } from "../database/schema.ts";
import type { Principal } from "../principal.ts";
import { commitChange, commitEach } from "./change.ts";
import { domainOfRow, settingsText } from "./declared.ts";
import type { Selecting, StoredDomain } from "./declared.ts";
import { changeDomain, createDomain, deleteDomain, selectPoolsWithServer } from "./domain-changes.ts";
import type { ChangeRefusal, PutRefusal } from "./precondition.ts";
import { addedTo, servedBy, servedDifferences } from "../../declaration/served.ts";
import type { Served, ServedByKey, ServedSettings } from "../../declaration/served.ts";

/** Another domain already serves some of it. */
export interface AlreadyServed {
  readonly kind: "already-served";
  readonly served: Served;
  /** Name of that domain. The caller may see it, because only a caller for all domains changes which clients a domain serves. */
  readonly other: string;
}

/** The caller is restricted to the domain, so it must not change which clients the domain serves. */
export interface ForbiddenFields {
  readonly kind: "forbidden-fields";
  /** Names of the settings. */
  readonly fields: readonly string[];
}

/** A pool of the domain contains the server identifier. */
export interface ServerInPool {
  readonly kind: "server-in-pool";
  readonly pool: string;
}

/** The outcome of changing a domain. `unchanged`: the domain already had these settings. */
export type DomainChange =
  | { readonly kind: "changed" | "unchanged"; readonly domain: StoredDomain }
  | AlreadyServed
  | ForbiddenFields
  | ServerInPool
  | ChangeRefusal;

/** The outcome of creating or replacing a domain. */
export type DomainPut =
  | DomainChange
  | { readonly kind: "created"; readonly domain: StoredDomain }
  /** The caller is restricted to one domain, so it must not create another. */
  | { readonly kind: "forbidden" }
  /** The allocator already has the maximum number of domains. */
  | { readonly kind: "too-many" }
  | PutRefusal;

/** @returns Why the caller may not change settings in this way; undefined if it may. */
export function findForbiddenFields(
  principal: Principal,
  former: ServedSettings,
  wanted: ServedSettings,
): ForbiddenFields | undefined {
  if (principal.domain === null) return undefined;
  const fields = servedDifferences(former, wanted);
  return fields.length === 0 ? undefined : { kind: "forbidden-fields", fields };
}

/** Starts a query for the domain of a name. */
export function selectDomainNamed(builder: Selecting, name: string) {
  return builder.select().from(domain).where(eq(domain.name, name));
}

/** Creates a domain. The caller must be allowed to. */
export async function createDomainFor(
  databases: Databases,
  principal: Principal,
  name: string,
  settings: DomainSettings,
): Promise<DomainPut> {
  const { database } = homeOf(databases, name);
  const writer = writerOf(database);
  const served = servedBy(settings);
  for (let attempt = 1; attempt <= applyAttemptsMax; attempt++) {
    const { clash, revision, others } = await compare(databases, name, served);
    if (others >= domainsMax) return { kind: "too-many" };
    if (clash !== undefined) return clash;
    const change = createDomain(writer, principal.name, name, settings, revision);
    const { isDone, found } = await commitChange(database, change, [selectDomainNamed(writer, name)]);
    const [row] = found[0];
    if (row === undefined) continue;
    if (!isDone) return { kind: "exists" };
    const created = domainOfRow(row);
    const late = await compareElsewhere(databases, name, served);
    if (late === undefined) return { kind: "created", domain: created };
    await commitEach(database, [deleteDomain(writer, principal.name, created)]);
    return late;
  }
  return { kind: "changed-meanwhile" };
}

/** Changes the settings of a domain. */
export async function updateDomain(
  databases: Databases,
  principal: Principal,
  stored: StoredDomain,
  settings: DomainSettings,
): Promise<DomainChange> {
  const { name } = stored;
  if (settingsText(stored.settings) === settingsText(settings)) return { kind: "unchanged", domain: stored };
  const { database } = homeOf(databases, name);
  const writer = writerOf(database);
  const added = addedTo(servedBy(stored.settings), servedBy(settings));
  for (let attempt = 1; attempt <= applyAttemptsMax; attempt++) {
    // What a domain serves already is not compared: databases of earlier releases may have it twice.
    const { clash, revision } = added.size === 0 ? {} : await compare(databases, name, added);
    if (clash !== undefined) return clash;
    const change = changeDomain(writer, principal.name, stored, settings, revision);
    const { isDone, found } = await commitChange(database, change, [
      selectDomainNamed(writer, name),
      selectPoolsWithServer(writer, stored, settings),
    ]);
    const [[row], [withServer]] = found;
    if (row === undefined) return { kind: "changed-meanwhile" };
    const current = domainOfRow(row);
    if (isDone) {
      const late = await compareElsewhere(databases, name, added);
      if (late === undefined) return { kind: "changed", domain: current };
      await commitEach(database, [changeDomain(writer, principal.name, current, stored.settings)]);
      return late;
    }
    if (current.version !== stored.version) return { kind: "changed-meanwhile" };
    if (withServer !== undefined) return { kind: "server-in-pool", pool: withServer.name };
  }
  return { kind: "changed-meanwhile" };
}

/** What a domain was compared with. */
interface Comparison {
  readonly clash?: AlreadyServed | undefined;
  /** Revision of the database that stores the domain; undefined if the clash is in another one. */
  readonly revision?: number | undefined;
  /** Number of other domains. */
  readonly others: number;
}

/** Compares what a domain will serve with all other domains, in two round trips at most. */
async function compare(databases: Databases, name: string, served: ServedByKey): Promise<Comparison> {
  const elsewhere = await loadElsewhere(databases, name);
  const others = elsewhere.flatMap(({ domains }) => domains);
  const clash = findClash(name, served, others);
  if (clash !== undefined) return { clash, others: others.length };
  const { domains, revision } = await loadServed(homeOf(databases, name));
  return {
    clash: findClash(name, served, domains),
    revision,
    others: others.length + domains.length,
  };
}

async function compareElsewhere(
  databases: Databases,
  name: string,
  served: ServedByKey,
): Promise<AlreadyServed | undefined> {
  if (served.size === 0) return undefined;
  const elsewhere = await loadElsewhere(databases, name);
  return findClash(
    name,
    served,
    elsewhere.flatMap(({ domains }) => domains),
  );
}

/** A domain, and the settings that select its clients. */
interface ServingDomain {
  readonly name: string;
  readonly settings: ServedSettings;
}

function findClash(
  name: string,
  served: ServedByKey,
  domains: readonly ServingDomain[],
): AlreadyServed | undefined {
  for (const other of domains) {
    if (other.name === name) continue;
    for (const key of servedBy(other.settings).keys()) {
      const clash = served.get(key);
      if (clash === undefined) continue;
      return { kind: "already-served", served: clash, other: other.name };
    }
  }
  return undefined;
}

/** Loads the domains of the databases that do not store the domain of this name. */
function loadElsewhere(databases: Databases, name: string) {
  const { database } = homeOf(databases, name);
  const places = allPlaces(databases).filter((place) => place.database !== database);
  return Promise.all(places.map(loadServed));
}

/** Loads the settings that select the clients of all domains of a database, and the revision of its configuration. */
async function loadServed({ database, scope }: Place) {
  const reader = readerOf(database);
  const served = sql<string>`json_object(${sql.join(
    (["default", "prefixes", "lines"] as const).map((each) => sql`${each}, ${domain.settings} -> ${each}`),
    sql`, `,
  )})`;
  const [[current], rows] = await reader.batch([
    reader.select({ revision: configuration.revision }).from(configuration),
    reader.select({ name: domain.name, served }).from(domain),
  ]);
  const domains: ServingDomain[] = rows
    .filter(({ name }) => isInScope(scope, name))
    .map((row) => ({ name: row.name, settings: JSON.parse(row.served) as ServedSettings }));
  return { revision: current!.revision, domains };
}
