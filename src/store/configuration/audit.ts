/**
 * The audit record: writes and reads the changes that operators made.
 *
 * @module
 */
import { and, desc, eq, gte, lt, lte, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { namesOf } from "../database/columns.ts";
import { inScope } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { placesFor } from "../database/places-for.ts";
import { exceedsPage } from "../database/page-size.ts";
import { readerOf, readRows } from "../database/queries.ts";
import { audit } from "../database/schema.ts";
import { instantSeconds } from "../database/time.ts";
import { canAccess } from "../principal.ts";
import type { Principal } from "../principal.ts";

/** A recorded change. */
export interface AuditEntry {
  /** Name of the token that the operator used. */
  readonly actor: string;
  readonly action: string;
  /** Kind of resource that was changed: `domain`, `pool`, `reservation`, `token`, … */
  readonly resource: string;
  readonly name: string;
  /**
   * Name of the domain of the change, or null. A caller with access to a domain sees its entries.
   */
  readonly domain: string | null;
  /** The resource before the change, in the format of the API; null if it did not exist. */
  readonly before: unknown;
  readonly after: unknown;
}

/**
 * Builds the statement that records a change. It must directly follow the statement that makes the change, in the same
 * transaction, and records nothing if that statement changed no row.
 */
export function auditOfLast(entry: AuditEntry): SQL {
  return sql`${auditAlways(entry)} WHERE changes() > 0`;
}

/** Like {@link auditOfLast}, for a transaction that is rolled back unless its statements change something. */
export function auditAlways(entry: AuditEntry): SQL {
  const { actor, action, resource, name, domain, before, after } = entry;
  const columns = namesOf(
    audit.at,
    audit.actor,
    audit.action,
    audit.resource,
    audit.name,
    audit.domain,
    audit.before,
    audit.after,
  );
  return sql`INSERT INTO ${audit} (${columns})
    SELECT ${instantSeconds}, ${actor}, ${action}, ${resource}, ${name}, ${domain}, ${textOf(before)}, ${textOf(after)}`;
}

const textOf = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value);

/** One row of the record. */
export interface AuditRecord extends AuditEntry {
  readonly id: number;
  /** Unix seconds. */
  readonly at: number;
}

/** Selects records. */
export interface AuditFilter {
  /** Only records of this domain. */
  readonly domain: string | undefined;
  readonly resource: string | undefined;
  readonly name: string | undefined;
  readonly actor: string | undefined;
  /** Unix seconds; `since` and `until` are included. */
  readonly since: number | undefined;
  readonly until: number | undefined;
}

/** The page of records to return. */
export interface AuditPageRequest {
  /** Maximum number of records. */
  readonly limit: number;
  /** Position after the previous page, as the store returned it; undefined for the first page. */
  readonly after: readonly number[] | undefined;
}

/** A page of records, newest first. */
export type AuditPage =
  | {
      readonly kind: "page";
      readonly records: readonly AuditRecord[];
      /** Position after this page; null when nothing follows. */
      readonly next: readonly number[] | null;
    }
  /** The position belongs to a different list. */
  | { readonly kind: "bad-position" };

/** Reads the audit record. */
export interface AuditStore {
  /**
   * Lists the changes that the caller may see, newest first.
   *
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly list: (principal: Principal, filter: AuditFilter, page: AuditPageRequest) => Promise<AuditPage>;
}

/** Creates the audit store. */
export function createAuditStore(databases: Databases): AuditStore {
  return {
    list: async (principal, filter, { limit, after }) => {
      if (filter.domain !== undefined && !canAccess(principal, filter.domain))
        return { kind: "page", records: [], next: null };
      const places = placesFor(databases, principal, filter.domain);
      if (after !== undefined && after.length !== places.length) return { kind: "bad-position" };
      const positions = after ?? places.map(() => atStart);
      const found = await Promise.all(
        places.map(async (place, index) => {
          const records = await readAudit(place, filter, positions[index]!, limit + 1);
          return records.map((each) => ({ index, ...each }));
        }),
      );
      const merged = found.flat().sort((a, b) => b.record.at - a.record.at);
      const firstLeftOut = merged.findIndex(({ isLeftOut }) => isLeftOut);
      const shown = merged.slice(0, firstLeftOut < 0 ? limit : Math.min(limit, firstLeftOut));
      const lastIds = positions.map(
        (position, index) => shown.findLast((each) => each.index === index)?.record.id ?? position,
      );
      return {
        kind: "page",
        records: shown.map(({ record }) => record),
        next: merged.length > shown.length ? lastIds : null,
      };
    },
  };
}

/** Position before the first page of a database. Any other position is the id of the last record returned. */
const atStart = 0;

async function readAudit(
  { database, scope }: Place,
  { resource, name, actor, since, until }: AuditFilter,
  position: number,
  limit: number,
): Promise<{ readonly record: AuditRecord; readonly isLeftOut: boolean }[]> {
  const reader = readerOf(database);
  const page = reader
    .select()
    .from(audit)
    .where(
      and(
        position === atStart ? undefined : lt(audit.id, position),
        inScope(audit.domain, scope),
        resource === undefined ? undefined : eq(audit.resource, resource),
        name === undefined ? undefined : eq(audit.name, name),
        actor === undefined ? undefined : eq(audit.actor, actor),
        since === undefined ? undefined : gte(audit.at, since),
        until === undefined ? undefined : lte(audit.at, until),
      ),
    )
    .orderBy(desc(audit.id))
    .limit(limit)
    .as("page");
  const isLeftOut = exceedsPage(
    sql`ifnull(length(${page.before}), 0) + ifnull(length(${page.after}), 0)`,
    desc(page.id),
  );
  const rows = await readRows(
    database,
    reader
      .select({
        id: page.id,
        at: page.at,
        actor: page.actor,
        action: page.action,
        resource: page.resource,
        name: page.name,
        domain: page.domain,
        before: sql<string | null>`iif(${isLeftOut}, NULL, ${page.before})`,
        after: sql<string | null>`iif(${isLeftOut}, NULL, ${page.after})`,
        isLeftOut,
      })
      .from(page)
      .orderBy(desc(page.id)),
  );
  return rows.map(({ isLeftOut: leftOut, before, after, ...row }) => ({
    record: { ...row, before: parsed(before), after: parsed(after) },
    isLeftOut: leftOut === 1,
  }));
}

const parsed = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
