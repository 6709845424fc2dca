/**
 * The store of access tokens: authentication by secret, and management by operators.
 *
 * @module
 */
import { and, eq, gt, inArray, isNull, or, sql } from "drizzle-orm";
import { encodeHex } from "../../wire/hex.ts";
import { isDatabaseError } from "../database/database.ts";
import type { DatabaseError } from "../database/database.ts";
import { allPlaces, databaseOf, findIn, inScope, listByName } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { readerOf, readRows, writerOf } from "../database/queries.ts";
import { accessToken, domain } from "../database/schema.ts";
import { clockSeconds, selectInstant } from "../database/time.ts";
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

/** The token would have expired already. `now`: the clock of its database, in Unix seconds. */
export interface PastExpiry {
  readonly kind: "past-date";
  readonly now: number;
}

/** The outcome of creating a token. */
export type TokenCreation =
  | { readonly kind: "created"; readonly token: StoredToken }
  | { readonly kind: "exists" }
  | PastExpiry
  /** The domain that the token is restricted to does not exist. */
  | { readonly kind: "no-domain" };

/** The outcome of changing a token. */
export type TokenChange = { readonly kind: "changed"; readonly token: StoredToken } | ChangeRefusal;

/** The outcome of changing when a token expires. */
export type ExpiryChange = TokenChange | PastExpiry;

/** The outcome of deleting a token. */
export type TokenDeletion = { readonly kind: "deleted" } | ChangeRefusal;

/** The holders of presented tokens. */
export interface Authentication {
  /** The holder of each token, in order; undefined when no database that was reached has it, or when it has expired. */
  readonly holders: readonly (Principal | undefined)[];
  /** Why a token that was not found may exist nevertheless: a database that could not be reached. */
  readonly failure: DatabaseError | undefined;
}

/**
 * The tokens of all databases. Every method except `authenticate` throws a {@link TypeError} for a principal that may
 * not see all domains. Every method throws a {@link DatabaseError} when a database cannot be reached.
 */
export interface TokenStore {
  /**
   * Finds tokens by the hash of their secret, or of their previous secret while that is valid. A token in one database
   * can be authenticated even when another database cannot be reached.
   *
   * @param hashes SHA-256 of each presented secret.
   * @returns Who holds them, in one round trip for any number of hashes.
   */
  readonly authenticate: (hashes: readonly Uint8Array[]) => Promise<Authentication>;
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
  ) => Promise<ExpiryChange>;
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
  /** Changes a token if its version meets the precondition, and the condition of the change holds. */
  const attempt = async (
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
      selectInstant(writer),
    ]);
    const [[token], [clock]] = found;
    if (isDone) return { kind: "done", token } as const;
    return { kind: "not-done", isSame: token?.version === stored.version, now: clock!.now } as const;
  };
  return {
    authenticate: (hashes) => authenticate(places, hashes),
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
    changeExpiry: async (principal, name, precondition, expiresAt) => {
      const result = await attempt(principal, name, precondition, (writer, stored) =>
        changeTokenExpiry(writer, principal.name, stored, expiresAt),
      );
      const isPast = result.kind === "not-done" && result.isSame;
      return isPast ? { kind: "past-date", now: result.now } : changed(result);
    },
    rotate: async (principal, name, precondition, hash, overlapSeconds) =>
      changed(
        await attempt(principal, name, precondition, (writer, stored) =>
          rotateToken(writer, principal.name, stored, hash, overlapSeconds),
        ),
      ),
    delete: async (principal, name, precondition) => {
      const result = await attempt(principal, name, precondition, (writer, stored) =>
        deleteToken(writer, principal.name, stored),
      );
      if (result.kind === "done") return { kind: "deleted" };
      return result.kind === "not-done" ? { kind: "changed-meanwhile" } : result;
    },
  };
}

/** A change that was attempted. */
type Attempt =
  | { readonly kind: "done"; readonly token: StoredToken | undefined }
  | { readonly kind: "not-done" }
  | Extract<ChangeRefusal, { readonly kind: "not-found" | "stale" }>;

/** Returns the changed token, or why it was not changed. */
function changed(result: Attempt): TokenChange {
  if (result.kind === "not-done") return { kind: "changed-meanwhile" };
  if (result.kind !== "done") return result;
  const { token } = result;
  return token === undefined ? { kind: "changed-meanwhile" } : { kind: "changed", token };
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
    selectInstant(writer),
  ]);
  const [[row], [clock]] = found;
  if (row === undefined) {
    const { now } = clock!;
    const isPast = token.expiresAt !== null && token.expiresAt <= now;
    return isPast ? { kind: "past-date", now } : { kind: "no-domain" };
  }
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

async function authenticate(
  places: readonly Place[],
  hashes: readonly Uint8Array[],
): Promise<Authentication> {
  const answers = await Promise.allSettled(places.map((place) => findHolders(place, hashes)));
  const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  const failures = answers.flatMap((answer) =>
    answer.status === "rejected" ? [answer.reason as unknown] : [],
  );
  for (const failure of failures) if (!isDatabaseError(failure)) throw failure;
  return {
    holders: hashes.map((hash) => {
      const key = encodeHex(hash);
      return found.find((holders) => holders.has(key))?.get(key);
    }),
    failure: failures.find(isDatabaseError),
  };
}

/**
 * Finds the holders of tokens. The index is searched by hash and not by secret, so the duration of a search reveals
 * nothing about the secret.
 *
 * @returns Each holder by the hexadecimal hash.
 */
async function findHolders(
  { database, scope }: Place,
  hashes: readonly Uint8Array[],
): Promise<Map<string, Principal>> {
  const now = clockSeconds(database);
  const isPrevious = sql<number>`coalesce(${accessToken.previousUntil} > ${now}, 0)`;
  const isPresented = or(
    inArray(accessToken.secretHash, [...hashes]),
    and(inArray(accessToken.previousHash, [...hashes]), isPrevious),
  );
  const isUnexpired = or(isNull(accessToken.expiresAt), gt(accessToken.expiresAt, now));
  const rows = await readRows(
    database,
    readerOf(database)
      .select({
        name: accessToken.name,
        scope: accessToken.scope,
        domainId: accessToken.domainId,
        domainName: domain.name,
        secretHash: accessToken.secretHash,
        previousHash: accessToken.previousHash,
        isPrevious,
      })
      .from(accessToken)
      .leftJoin(domain, eq(domain.id, accessToken.domainId))
      .where(and(isPresented, isUnexpired, inScope(domain.name, scope))),
  );
  const holders = new Map<string, Principal>();
  for (const { name, scope: tokenScope, domainId, domainName, ...row } of rows) {
    // A token whose domain was deleted grants no access.
    if (domainId !== null && domainName === null) continue;
    const holder: Principal = {
      name,
      scope: tokenScope,
      domain: domainId === null ? null : { id: domainId, name: domainName! },
    };
    holders.set(encodeHex(row.secretHash), holder);
    if (row.previousHash !== null && row.isPrevious === 1) holders.set(encodeHex(row.previousHash), holder);
  }
  return holders;
}
