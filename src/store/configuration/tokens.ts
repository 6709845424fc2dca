/**
 * The store of access tokens: authentication by secret, and management by operators.
 *
 * @module
 */
import { and, eq, gt, isNull, or } from "drizzle-orm";
import { allPlaces, databaseOf, findIn, inScope, listByName } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { readerOf, readRows, writerOf } from "../database/queries.ts";
import { accessToken, domain } from "../database/schema.ts";
import { clockSeconds } from "../database/time.ts";
import type { Principal } from "../principal.ts";
import { assertAllDomains } from "../principal.ts";
import { commitChange } from "./change.ts";
import type { Change } from "./change.ts";
import type { Selecting } from "./declared.ts";
import type { NamePage } from "./name-page.ts";
import { staleness } from "./precondition.ts";
import type { ChangeRefusal, Precondition } from "./precondition.ts";
import { changeTokenExpiry, createToken, deleteToken, rotateToken } from "./token-changes.ts";
import type { NewToken, StoredToken } from "./token-changes.ts";

export type { NewToken, StoredToken };

/** The outcome of creating a token. */
export type TokenCreation =
  | { readonly kind: "created"; readonly token: StoredToken }
  | { readonly kind: "exists" }
  /** The domain that the token is restricted to does not exist. */
  | { readonly kind: "no-domain" };

/** The outcome of changing a token. */
export type TokenChange = { readonly kind: "changed"; readonly token: StoredToken } | ChangeRefusal;

/** The outcome of deleting a token. */
export type TokenDeletion = { readonly kind: "deleted" } | ChangeRefusal;

/**
 * The tokens of all databases. Every method except `authenticate` throws a {@link TypeError} for a principal that may
 * not see all domains. Every method throws a {@link DatabaseError} when a database cannot be reached.
 */
export interface TokenStore {
  /**
   * Finds a token by the hash of its secret, or of its previous secret while that is valid. A token in one database can
   * be authenticated even when another database cannot be reached.
   *
   * @param hash SHA-256 of the presented secret.
   * @returns The holder of the token; undefined when no token matches or the token has expired.
   * @throws {DatabaseError} When no reachable database has the token, but an unreachable one might have it.
   */
  readonly authenticate: (hash: Uint8Array) => Promise<Principal | undefined>;
  /** Lists tokens by name. */
  readonly list: (principal: Principal, page: NamePage) => Promise<readonly StoredToken[]>;
  /** @returns The token of this name, even if it has expired; undefined if it does not exist. */
  readonly find: (principal: Principal, name: string) => Promise<StoredToken | undefined>;
  /**
   * Creates a token.
   *
   * @param hash SHA-256 of its secret.
   */
  readonly create: (principal: Principal, token: NewToken, hash: Uint8Array) => Promise<TokenCreation>;
  /**
   * Changes when a token expires.
   *
   * @param expiresAt Unix seconds; null if the token never expires.
   */
  readonly changeExpiry: (
    principal: Principal,
    name: string,
    precondition: Precondition,
    expiresAt: number | null,
  ) => Promise<TokenChange>;
  /**
   * Replaces the secret of a token.
   *
   * @param hash SHA-256 of the new secret.
   * @param overlapSeconds Seconds for which the old secret stays valid.
   */
  readonly rotate: (
    principal: Principal,
    name: string,
    precondition: Precondition,
    hash: Uint8Array,
    overlapSeconds: number,
  ) => Promise<TokenChange>;
  /** Deletes a token. */
  readonly delete: (principal: Principal, name: string, precondition: Precondition) => Promise<TokenDeletion>;
}

/**
 * Creates the store of tokens. A token for one domain is stored in the database of that domain, all others in the main
 * database.
 */
export function createTokenStore(databases: Databases): TokenStore {
  const places = allPlaces(databases);
  const locate = (principal: Principal, name: string) => {
    assertAllDomains(principal, "access tokens");
    return findIn(places, (place) => findToken(place, name));
  };
  /** Changes a token if its version meets the precondition. */
  const change = async (
    principal: Principal,
    name: string,
    precondition: Precondition,
    changeOf: (writer: ReturnType<typeof writerOf>, stored: StoredToken) => Change,
  ) => {
    const located = await locate(principal, name);
    if (located === undefined) return { kind: "not-found" } as const;
    const { place, found: stored } = located;
    const stale = staleness(precondition, stored.version);
    if (stale !== undefined) return stale;
    const writer = writerOf(place.database);
    const { isDone, found } = await commitChange(place.database, changeOf(writer, stored), [
      selectTokens(writer).where(eq(accessToken.id, stored.id)),
    ]);
    const [[token]] = found;
    return isDone ? ({ kind: "done", token } as const) : ({ kind: "changed-meanwhile" } as const);
  };
  const changed = async (...args: Parameters<typeof change>): Promise<TokenChange> => {
    const result = await change(...args);
    if (result.kind !== "done") return result;
    return result.token === undefined
      ? { kind: "changed-meanwhile" }
      : { kind: "changed", token: result.token };
  };
  return {
    authenticate: (hash) => authenticate(places, hash),
    list: async (principal, page) => {
      assertAllDomains(principal, "access tokens");
      return listByName(
        places,
        page.limit,
        (place) => listTokens(place, page),
        ({ name }) => name,
      );
    },
    find: async (principal, name) => (await locate(principal, name))?.found,
    create: async (principal, token, hash) => {
      // A database ensures unique names only for its own tokens.
      if ((await locate(principal, token.name)) !== undefined) return { kind: "exists" };
      return create(databases, principal, token, hash);
    },
    changeExpiry: (principal, name, precondition, expiresAt) =>
      changed(principal, name, precondition, (writer, stored) =>
        changeTokenExpiry(writer, principal.name, stored, expiresAt),
      ),
    rotate: (principal, name, precondition, hash, overlapSeconds) =>
      changed(principal, name, precondition, (writer, stored) =>
        rotateToken(writer, principal.name, stored, hash, overlapSeconds),
      ),
    delete: async (principal, name, precondition) => {
      const result = await change(principal, name, precondition, (writer, stored) =>
        deleteToken(writer, principal.name, stored),
      );
      return result.kind === "done" ? { kind: "deleted" } : result;
    },
  };
}

async function create(
  databases: Databases,
  principal: Principal,
  token: NewToken,
  hash: Uint8Array,
): Promise<TokenCreation> {
  const database = token.domain === null ? databases.main : databaseOf(databases, token.domain);
  const { scope } = allPlaces(databases).find((place) => place.database === database)!;
  const writer = writerOf(database);
  const { isDone, found } = await commitChange(database, createToken(writer, principal.name, token, hash), [
    selectTokens(writer).where(and(eq(accessToken.name, token.name), inScope(domain.name, scope))),
  ]);
  const [[row]] = found;
  if (row === undefined) return { kind: "no-domain" };
  return isDone ? { kind: "created", token: row } : { kind: "exists" };
}

/** Starts a query of tokens without their secrets. */
function selectTokens(builder: Selecting) {
  return builder
    .select({
      id: accessToken.id,
      name: accessToken.name,
      scope: accessToken.scope,
      domain: domain.name,
      createdAt: accessToken.createdAt,
      rotatedAt: accessToken.rotatedAt,
      expiresAt: accessToken.expiresAt,
      previousUntil: accessToken.previousUntil,
      version: accessToken.version,
    })
    .from(accessToken)
    .leftJoin(domain, eq(domain.id, accessToken.domainId));
}

async function listTokens(
  { database, scope }: Place,
  { after = "", limit }: NamePage,
): Promise<StoredToken[]> {
  return readRows(
    database,
    selectTokens(readerOf(database))
      .where(and(gt(accessToken.name, after), inScope(domain.name, scope)))
      .orderBy(accessToken.name)
      .limit(limit),
  );
}

async function findToken({ database, scope }: Place, name: string): Promise<StoredToken | undefined> {
  const [row] = await readRows(
    database,
    selectTokens(readerOf(database)).where(and(eq(accessToken.name, name), inScope(domain.name, scope))),
  );
  return row;
}

async function authenticate(places: readonly Place[], hash: Uint8Array): Promise<Principal | undefined> {
  const answers = await Promise.allSettled(places.map((place) => findHolder(place, hash)));
  for (const answer of answers) {
    if (answer.status === "fulfilled" && answer.value !== undefined) return answer.value;
  }
  for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
  return undefined;
}

/**
 * Finds the holder of a token. The index is searched by hash and not by secret, so the duration of a search reveals
 * nothing about the secret.
 */
async function findHolder({ database, scope }: Place, hash: Uint8Array): Promise<Principal | undefined> {
  const now = clockSeconds(database);
  const isPrevious = and(eq(accessToken.previousHash, hash), gt(accessToken.previousUntil, now));
  const isUnexpired = or(isNull(accessToken.expiresAt), gt(accessToken.expiresAt, now));
  const [row] = await readRows(
    database,
    readerOf(database)
      .select({
        name: accessToken.name,
        scope: accessToken.scope,
        domainId: accessToken.domainId,
        domainName: domain.name,
      })
      .from(accessToken)
      .leftJoin(domain, eq(domain.id, accessToken.domainId))
      .where(and(or(eq(accessToken.secretHash, hash), isPrevious), isUnexpired, inScope(domain.name, scope))),
  );
  if (row === undefined) return undefined;
  const { name, scope: tokenScope, domainId, domainName } = row;
  if (domainId === null) return { name, scope: tokenScope, domain: null };
  // A token whose domain was deleted grants no access.
  return domainName === null
    ? undefined
    : { name, scope: tokenScope, domain: { id: domainId, name: domainName } };
}
