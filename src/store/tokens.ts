/**
 * Looks access tokens up by what was presented.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import { encodeHex } from "../wire/hex.ts";

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
  AND (t.expires_at IS NULL OR t.expires_at > unixepoch())`;

/**
 * Finds the token whose secret, or whose secret before its last rotation, has a hash.
 *
 * The index is searched by hash and not by secret: what its time could tell is no step towards a secret that has it.
 *
 * @param hash SHA-256 of what was presented.
 * @returns The token, or undefined when there is none, or it has expired.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function findToken(client: Client, hash: Uint8Array): Promise<KnownToken | undefined> {
  const { rows } = await client.execute({ sql: find, args: { hash: encodeHex(hash) } });
  const row = rows[0];
  if (row === undefined) return undefined;
  const domain = row.domainId === null ? null : { id: Number(row.domainId), name: row.domainName as string };
  return { name: row.name as string, scope: row.scope as Scope, domain };
}
