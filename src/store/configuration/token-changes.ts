/**
 * Changes of access tokens, as statements whose conditions say when the change is allowed.
 *
 * @module
 */
import { and, eq, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { formatDate } from "../../declaration/dates.ts";
import { nameOf, namesOf } from "../database/columns.ts";
import type { Writer } from "../database/queries.ts";
import { accessToken, domain } from "../database/schema.ts";
import { instantSeconds } from "../database/time.ts";
import type { TokenScope } from "../principal.ts";
import type { Change } from "./change.ts";

/** A token without its secret. Times are Unix seconds. */
export interface StoredToken {
  readonly id: number;
  readonly name: string;
  readonly scope: TokenScope;
  /** Name of the one domain that the token is restricted to; null for all domains. */
  readonly domain: string | null;
  readonly createdAt: number;
  readonly rotatedAt: number | null;
  readonly expiresAt: number | null;
  /** End of the validity of the secret before the last rotation. */
  readonly previousUntil: number | null;
  readonly version: number;
}

/** The properties of a new token. */
export interface NewToken {
  readonly name: string;
  readonly scope: TokenScope;
  readonly domain: string | null;
  /** Unix seconds. */
  readonly expiresAt: number | null;
}

const show = ({ name, scope, domain: domainName, expiresAt }: NewToken) => ({
  name,
  scope,
  domain: domainName,
  expiresAt: expiresAt === null ? null : formatDate(expiresAt),
});

/** @returns A condition: a token with this expiry, in Unix seconds, is valid by the clock of the database. */
const isValid = (expiresAt: number | null): SQL =>
  expiresAt === null ? sql`true` : sql`${expiresAt} > ${instantSeconds}`;

/**
 * Creates a token, unless it exists or has expired already. If it is restricted to a domain, the domain must exist.
 *
 * @param hash SHA-256 of its secret.
 */
export function createToken(writer: Writer, actor: string, token: NewToken, hash: Uint8Array): Change {
  const { name, scope, domain: domainName, expiresAt } = token;
  const columns = namesOf(
    accessToken.name,
    accessToken.scope,
    accessToken.domainId,
    accessToken.secretHash,
    accessToken.createdAt,
    accessToken.expiresAt,
  );
  const domainId = sql`(SELECT ${domain.id} FROM ${domain} WHERE ${domain.name} = ${domainName})`;
  return {
    statement: writer.all(sql`INSERT INTO ${accessToken} (${columns})
      SELECT ${name}, ${scope}, ${domainId}, ${hash}, ${instantSeconds}, ${expiresAt}
      WHERE (${domainName} IS NULL OR ${domainId} IS NOT NULL) AND ${isValid(expiresAt)}
      ON CONFLICT (${nameOf(accessToken.name)}) DO NOTHING RETURNING ${nameOf(accessToken.id)}`),
    audit: {
      actor,
      action: "create",
      resource: "token",
      name,
      domain: domainName,
      before: null,
      after: show(token),
    },
  };
}

/** Replaces the secret of a token. The old secret stays valid for `overlapSeconds`. */
export function rotateToken(
  writer: Writer,
  actor: string,
  stored: StoredToken,
  hash: Uint8Array,
  overlapSeconds: number,
): Change {
  return {
    statement: writer
      .update(accessToken)
      .set({
        previousHash: sql`${accessToken.secretHash}`,
        previousUntil: sql`${instantSeconds} + ${overlapSeconds}`,
        secretHash: hash,
        rotatedAt: instantSeconds,
        version: sql`${accessToken.version} + 1`,
      })
      .where(isUnchanged(stored))
      .returning({ id: accessToken.id }),
    audit: {
      actor,
      action: "rotate",
      resource: "token",
      name: stored.name,
      domain: stored.domain,
      before: show(stored),
      after: { ...show(stored), overlapSeconds },
    },
  };
}

/** Changes the expiry of a token to a date that is not past; null means that it never expires. */
export function changeTokenExpiry(
  writer: Writer,
  actor: string,
  stored: StoredToken,
  expiresAt: number | null,
): Change {
  return {
    statement: writer
      .update(accessToken)
      .set({ expiresAt, version: sql`${accessToken.version} + 1` })
      .where(and(isUnchanged(stored), isValid(expiresAt)))
      .returning({ id: accessToken.id }),
    audit: {
      actor,
      action: "change",
      resource: "token",
      name: stored.name,
      domain: stored.domain,
      before: show(stored),
      after: show({ ...stored, expiresAt }),
    },
  };
}

/** Deletes a token, so that it is no longer valid. */
export function deleteToken(writer: Writer, actor: string, stored: StoredToken): Change {
  return {
    statement: writer.delete(accessToken).where(isUnchanged(stored)).returning({ id: accessToken.id }),
    audit: {
      actor,
      action: "delete",
      resource: "token",
      name: stored.name,
      domain: stored.domain,
      before: show(stored),
      after: null,
    },
  };
}

const isUnchanged = ({ id, version }: StoredToken) =>
  and(eq(accessToken.id, id), eq(accessToken.version, version));
