/**
 * Who owns a domain: a file, or the operators who use the API.
 *
 * A file that an allocator is started with owns the domains that it names, with their pools and reservations. The API
 * refuses to change those, so a restart never undoes what an operator changed. Leases and tokens are not part of it.
 *
 * @module
 */
import { and, inArray, isNotNull, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { readerOf, readRows } from "../database/queries.ts";
import type { Writer } from "../database/queries.ts";
import { domain } from "../database/schema.ts";
import type { AuditEntry } from "./audit.ts";
import { failTransaction } from "./rollback.ts";

/** How a file is applied. */
export interface FileMode {
  /** Base name of the file. Files of one name are taken for the same file. */
  readonly name: string;
  /** `own`: the file owns what it names. `create`: it only adds what is missing, and owns nothing. */
  readonly mode: "own" | "create";
  /** Whether the file may change what operators set in a domain that it does not own yet. */
  readonly mayOverwrite: boolean;
}

/** A change of a domain that a file owns, through the API. */
export class OwnedDomainError extends Error {
  readonly domain: string;
  readonly owner: string;
  constructor({ resource, name }: Pick<AuditEntry, "resource" | "name">, domainName: string, owner: string) {
    super(`Cannot change ${resource} "${name}": ${ownedText(domainName, owner)}`);
    this.name = "OwnedDomainError";
    this.domain = domainName;
    this.owner = owner;
  }
}

/** @returns Why a change of an owned domain is refused, and what to do. */
export function ownedText(domainName: string, owner: string): string {
  return `found domain "${domainName}" owned by file ${owner}, expected a change of that file; or release the domain first (POST /domains/${domainName}/release)`;
}

/** @returns The names of the domains that a change concerns; none for resources that no file declares. */
function declaredDomains({ resource, domain: name, before, after }: AuditEntry): string[] {
  if (!["domain", "pool", "reservation"].includes(resource)) return [];
  const inside = [before, after].map((each) => (each as { readonly domain?: string } | null)?.domain);
  return [...new Set([name, ...inside])].filter((each) => typeof each === "string");
}

/** Builds statements that fail the transaction if a file owns a domain that the change concerns. */
export function mustBeUnowned(writer: Writer, entry: AuditEntry) {
  const names = declaredDomains(entry);
  if (names.length === 0) return [];
  return [
    writer.run(sql`${failTransaction}
      FROM ${domain} WHERE ${inArray(domain.name, names)} AND ${isNotNull(domain.owner)} LIMIT 1`),
  ];
}

/** @returns The error for a change that {@link mustBeUnowned} has refused; undefined if the domain was just released. */
export async function findOwner(
  database: Database,
  entry: AuditEntry,
): Promise<OwnedDomainError | undefined> {
  const [row] = await readRows(
    database,
    readerOf(database)
      .select({ name: domain.name, owner: domain.owner })
      .from(domain)
      .where(and(inArray(domain.name, declaredDomains(entry)), isNotNull(domain.owner)))
      .limit(1),
  );
  return row === undefined ? undefined : new OwnedDomainError(entry, row.name, row.owner!);
}
