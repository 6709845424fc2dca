/**
 * The record of what people changed.
 *
 * @module
 */
import type { InStatement } from "@libsql/client";
import { scopeArguments, scopeCondition } from "../database/databases.ts";
import type { Place } from "../database/databases.ts";

/** A change, as it is recorded. */
export interface AuditEntry {
  /** Name of the token that was presented. */
  readonly actor: string;
  readonly action: string;
  /** Kind of what was changed: `domain`, `pool`, `reservation`, `token`, … */
  readonly resource: string;
  readonly name: string;
  /** Name of the domain that it concerns; null for what belongs to none. Who may see one domain sees its entries. */
  readonly domain: string | null;
  /** As the API shows it; null where it was not there. */
  readonly before: unknown;
  readonly after: unknown;
}

const insert = `INSERT INTO audit (at, actor, action, resource, name, domain, before, after)
  SELECT unixepoch(), :actor, :action, :resource, :name, :domain, :before, :after`;

const textOf = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value);

/**
 * Makes the statement that records a change. It stands in the same transaction, right behind the statement that
 * changes, and records nothing when that one changed no row.
 */
export function auditOfLast(entry: AuditEntry): InStatement {
  return { sql: `${insert} WHERE changes() > 0`, args: argsOf(entry) };
}

/** The same for a transaction whose statements have to change something, or fail as a whole. */
export function auditAlways(entry: AuditEntry): InStatement {
  return { sql: insert, args: argsOf(entry) };
}

function argsOf({ before, after, ...entry }: AuditEntry) {
  return { ...entry, before: textOf(before), after: textOf(after) };
}

/** One row of the record. */
export interface AuditRecord extends AuditEntry {
  readonly id: number;
  /** Unix seconds. */
  readonly at: number;
}

/** Which records. */
export interface AuditQuery {
  readonly limit: number;
  /** Only records that are older than this one. */
  readonly beforeId: number | undefined;
  readonly resource: string | undefined;
  readonly name: string | undefined;
  readonly actor: string | undefined;
  /** Unix seconds, both ends included. */
  readonly since: number | undefined;
  readonly until: number | undefined;
}

const select = `SELECT id, at, actor, action, resource, name, domain, before, after FROM audit
WHERE (:beforeId IS NULL OR id < :beforeId)
  AND ${scopeCondition("domain")} AND (:resource IS NULL OR resource = :resource)
  AND (:name IS NULL OR name = :name) AND (:actor IS NULL OR actor = :actor)
  AND (:since IS NULL OR at >= :since) AND (:until IS NULL OR at <= :until)
ORDER BY id DESC LIMIT :limit`;

/**
 * Reads the record, the newest first.
 *
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function readAudit({ database, scope }: Place, query: AuditQuery): Promise<AuditRecord[]> {
  const given = Object.fromEntries(Object.entries(query).map(([key, value]) => [key, value ?? null]));
  const { rows } = await database.execute({ sql: select, args: { ...given, ...scopeArguments(scope) } });
  return rows.map((row) => ({
    id: Number(row.id),
    at: Number(row.at),
    actor: row.actor as string,
    action: row.action as string,
    resource: row.resource as string,
    name: row.name as string,
    domain: row.domain as string | null,
    before: parsed(row.before as string | null),
    after: parsed(row.after as string | null),
  }));
}

const parsed = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
