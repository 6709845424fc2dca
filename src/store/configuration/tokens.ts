/**
 * Access tokens: looked up by what was presented, and as an operator reads and changes them.
 *
 * @module
 */
import { encodeHex } from "../../wire/hex.ts";
import { formatDate } from "../../declaration/dates.ts";
import type { Change } from "./change.ts";
import { scopeArguments, scopeCondition } from "../database/databases.ts";
import type { Place } from "../database/databases.ts";
import type { Row } from "./declared.ts";

/** What a token may do. `admin` includes `read`; `relay` is for relays alone. */
export type Scope = "relay" | "read" | "admin";

/** A token that is good now. */
export interface KnownToken {
  readonly name: string;
  readonly scope: Scope;
  /** The one domain that it may see; null is all of them. */
  readonly domain: { readonly id: number; readonly name: string } | null;
}

const find = `SELECT t.name, t.scope, t.domain_id AS domainId, d.name AS domainName
FROM access_token t LEFT JOIN domain d ON d.id = t.domain_id
WHERE (t.secret_hash = unhex(:hash) OR (t.previous_hash = unhex(:hash) AND t.previous_until > unixepoch()))
  AND (t.expires_at IS NULL OR t.expires_at > unixepoch()) AND ${scopeCondition("d.name")}`;

/**
 * Finds the token whose secret, or whose secret before its last rotation, has a hash.
 *
 * The index is searched by hash and not by secret: what its time could tell is no step towards a secret that has it.
 *
 * @param hash SHA-256 of what was presented.
 * @returns The token, or undefined when there is none, or it has expired.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function findToken(
  { database, scope }: Place,
  hash: Uint8Array,
): Promise<KnownToken | undefined> {
  const args = { hash: encodeHex(hash), ...scopeArguments(scope) };
  const { rows } = await database.execute({ sql: find, args });
  const row = rows[0];
  if (row === undefined) return undefined;
  const domain = row.domainId === null ? null : { id: Number(row.domainId), name: row.domainName as string };
  return { name: row.name as string, scope: row.scope as Scope, domain };
}

/** A token, without any secret. Times are Unix seconds. */
export interface StoredToken {
  readonly id: number;
  readonly name: string;
  readonly scope: Scope;
  readonly domain: string | null;
  readonly createdAt: number;
  readonly rotatedAt: number | null;
  readonly expiresAt: number | null;
  /** Until when the secret before the last rotation is good, too. */
  readonly previousUntil: number | null;
  readonly version: number;
}

const fromToken = `SELECT t.id, t.name, t.scope, d.name AS domainName, t.created_at AS createdAt,
  t.rotated_at AS rotatedAt, t.expires_at AS expiresAt, t.previous_until AS previousUntil, t.version
  FROM access_token t LEFT JOIN domain d ON d.id = t.domain_id`;

const numberOrNull = (value: unknown): number | null => (value === null ? null : Number(value));

function tokenOfRow(row: Row): StoredToken {
  return {
    id: Number(row.id),
    name: row.name as string,
    scope: row.scope as Scope,
    domain: row.domainName as string | null,
    createdAt: Number(row.createdAt),
    rotatedAt: numberOrNull(row.rotatedAt),
    expiresAt: numberOrNull(row.expiresAt),
    previousUntil: numberOrNull(row.previousUntil),
    version: Number(row.version),
  };
}

/**
 * Lists tokens by name.
 *
 * @param after Only names behind this one.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function listTokens(
  { database, scope }: Place,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<StoredToken[]> {
  const { rows } = await database.execute({
    sql: `${fromToken} WHERE t.name > :after AND ${scopeCondition("d.name")} ORDER BY t.name LIMIT :limit`,
    args: { after: after ?? "", limit, ...scopeArguments(scope) },
  });
  return rows.map(tokenOfRow);
}

/** @returns The token of this name, if there is one; also when it has expired. */
export async function findTokenByName(
  { database, scope }: Place,
  name: string,
): Promise<StoredToken | undefined> {
  const { rows } = await database.execute({
    sql: `${fromToken} WHERE t.name = :name AND ${scopeCondition("d.name")}`,
    args: { name, ...scopeArguments(scope) },
  });
  return rows[0] === undefined ? undefined : tokenOfRow(rows[0]);
}

/** What a token is made with. */
export interface NewToken {
  readonly name: string;
  readonly scope: Scope;
  readonly domain: string | null;
  /** Unix seconds. */
  readonly expiresAt: number | null;
}

const show = ({ name, scope, domain, expiresAt }: NewToken) => ({
  name,
  scope,
  domain,
  expiresAt: expiresAt === null ? null : formatDate(expiresAt),
});

/**
 * A token that is not there yet.
 *
 * @param hash SHA-256 of its secret.
 */
export function createToken(actor: string, token: NewToken, hash: Uint8Array): Change {
  const { name, scope, domain, expiresAt } = token;
  return {
    statement: {
      sql: `INSERT INTO access_token (name, scope, domain_id, secret_hash, created_at, expires_at)
        SELECT :name, :scope, (SELECT id FROM domain WHERE name = :domain), unhex(:hash), unixepoch(), :expiresAt
        WHERE :domain IS NULL OR EXISTS (SELECT 1 FROM domain WHERE name = :domain)
        ON CONFLICT (name) DO NOTHING RETURNING id`,
      args: { name, scope, domain, expiresAt, hash: encodeHex(hash) },
    },
    audit: { actor, action: "create", resource: "token", name, domain, before: null, after: show(token) },
  };
}

/** Another secret for a token; the one that it had is good for a while. */
export function rotateToken(
  actor: string,
  stored: StoredToken,
  hash: Uint8Array,
  overlapSeconds: number,
): Change {
  const { id, name, version, domain } = stored;
  return {
    statement: {
      sql: `UPDATE access_token SET previous_hash = secret_hash, previous_until = unixepoch() + :overlapSeconds,
          secret_hash = unhex(:hash), rotated_at = unixepoch(), version = version + 1
        WHERE id = :id AND version = :version RETURNING id`,
      args: { id, version, hash: encodeHex(hash), overlapSeconds },
    },
    audit: {
      actor,
      action: "rotate",
      resource: "token",
      name,
      domain,
      before: show(stored),
      after: { ...show(stored), overlapSeconds },
    },
  };
}

/** A token ends at another time, or never. */
export function changeTokenExpiry(actor: string, stored: StoredToken, expiresAt: number | null): Change {
  const { id, name, version, domain } = stored;
  return {
    statement: {
      sql: `UPDATE access_token SET expires_at = :expiresAt, version = version + 1
        WHERE id = :id AND version = :version RETURNING id`,
      args: { id, version, expiresAt },
    },
    audit: {
      actor,
      action: "change",
      resource: "token",
      name,
      domain,
      before: show(stored),
      after: show({ ...stored, expiresAt }),
    },
  };
}

/** A token is good no more. */
export function deleteToken(actor: string, stored: StoredToken): Change {
  const { id, name, version, domain } = stored;
  return {
    statement: {
      sql: "DELETE FROM access_token WHERE id = :id AND version = :version RETURNING id",
      args: { id, version },
    },
    audit: { actor, action: "delete", resource: "token", name, domain, before: show(stored), after: null },
  };
}
