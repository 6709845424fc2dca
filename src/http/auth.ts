/**
 * Authentication and authorization with bearer tokens (RFC 6750), which come from the environment and the database.
 *
 * @module
 */
import { sha256 as sha256Of } from "@noble/hashes/sha2.js";
import type { Context, MiddlewareHandler } from "hono";
import type { Principal, TokenScope } from "../store/principal.ts";
import type { Store } from "../store/store.ts";
import type { Timing } from "../timing.ts";
import { encodeHex } from "../wire/hex.ts";
import { addressGroup } from "./client-address.ts";
import { createFailureLimit } from "./failure-limit.ts";
import { problem } from "./problem.ts";
import { createTokenCheck } from "./token-check.ts";
import type { TokenCheck } from "./token-check.ts";

/** Variables that a guard sets in the context of its handlers. */
export interface AuthEnv {
  Variables: { principal: Principal };
}

/** Dependencies of the guard. */
export interface AuthDeps {
  readonly store: Pick<Store, "tokens">;
  /** The token of the relays, which is valid without the database. */
  readonly relayToken: string;
  /** A token of scope `admin` that is valid without the database. It is used to create the first tokens. */
  readonly adminToken?: string | undefined;
  /** Returns the client's address, if the platform reports it. */
  readonly clientAddress?: ((context: Context) => string | undefined) | undefined;
  /** A monotonic clock of this process, in milliseconds. */
  readonly localMs: () => number;
  readonly later: Timing["later"];
}

/** Creates middleware that accepts requests whose token has one of the scopes. Scope `admin` includes `read`. */
export interface Guard {
  (...scopes: readonly TokenScope[]): MiddlewareHandler<AuthEnv>;
  /** The same, but remembers tokens longer while the database is away: for what only reads this process. */
  readonly whileAway: (...scopes: readonly TokenScope[]) => MiddlewareHandler<AuthEnv>;
  /** @returns Whether an Authorization header has a token of this scope that is known without a look-up. */
  readonly knows: (authorization: string | undefined, scope: TokenScope) => boolean;
}

const environmentName = "environment";

/** Tells a locked-out operator that no bootstrap token is set. */
const noAdminToken = " (and no APPORTION_ADMIN_TOKEN is set, so only tokens in the database are accepted)";

/**
 * Creates the guard of all endpoints.
 *
 * Tokens from the environment are compared in memory. Tokens in the database are looked up and cached for some seconds
 * (`tokenCacheMs`), so a revoked or rotated token may still be accepted for that long. While the database is away, a
 * known one may read the metrics for longer (`tokenKeptAwayMs`). Only a token that was looked up
 * and is unknown is refused, with 401, or with 429 after too many. While too many unknown tokens wait for a look-up, a
 * token that this process has not seen before gets 503 and may come again.
 *
 * @returns A function from scopes to middleware.
 * @throws {TypeError} When a token is empty, because anyone could guess it.
 */
export function createGuard(deps: AuthDeps): Guard {
  const { store, relayToken, adminToken, clientAddress, localMs, later } = deps;
  const fromEnvironment = environmentTokens({ relay: relayToken, admin: adminToken });
  const { add: addFailure, isFlooded } = createFailureLimit(localMs);
  const { check, checkWhileAway, known } = createTokenCheck({
    tokens: store.tokens,
    localMs,
    later,
    isFlooded,
  });

  function findOwn(hash: Uint8Array): Principal | undefined {
    return fromEnvironment.find((token) => equalInConstantTime(token.hash, hash))?.principal;
  }

  function knows(authorization: string | undefined, scope: TokenScope): boolean {
    const presented = presentedToken(authorization);
    if (presented.kind === "none") return false;
    const hash = sha256(presented.token);
    return (findOwn(hash) ?? known(encodeHex(hash)))?.scope === scope;
  }

  async function authenticate(context: Context, checkToken: TokenCheck): Promise<Principal> {
    const presented = presentedToken(context.req.header("authorization"));
    if (presented.kind === "none") throw refusal(presented.found);
    const hash = sha256(presented.token);
    const own = findOwn(hash);
    if (own !== undefined) return own;
    const key = encodeHex(hash);
    const groupOf = (): string => addressGroup(clientAddress?.(context));
    const found = await checkToken(hash, key, groupOf);
    if (found !== undefined) return found;
    const waitSeconds = addFailure(groupOf(), key);
    if (waitSeconds > 0) throw tooManyFailures(waitSeconds);
    throw refusal(
      adminToken === undefined ? `an unknown bearer token${noAdminToken}` : "an unknown bearer token",
    );
  }

  const guardBy =
    (checkToken: TokenCheck) =>
    (...scopes: readonly TokenScope[]): MiddlewareHandler<AuthEnv> =>
    async (context, next) => {
      const principal = await authenticate(context, checkToken);
      const isAllowed =
        scopes.includes(principal.scope) || (principal.scope === "admin" && scopes.includes("read"));
      if (!isAllowed) {
        const expected = scopes.join(" or ");
        throw problem(
          403,
          `Cannot accept the request: found a token of scope ${principal.scope}, expected ${expected}`,
        );
      }
      context.set("principal", principal);
      await next();
    };
  return Object.assign(guardBy(check), { whileAway: guardBy(checkWhileAway), knows });
}

function refusal(found: string): Error {
  const headers = { "www-authenticate": 'Bearer realm="apportion"' };
  const detail = `Cannot accept the request: found ${found}, expected one that is valid here (Authorization: Bearer …)`;
  return problem(401, detail, { headers });
}

function tooManyFailures(waitSeconds: number): Error {
  const detail = `Cannot accept the token: found an unknown one after too many others, expected a pause of ${waitSeconds} s`;
  return problem(429, detail, { headers: { "retry-after": String(waitSeconds) } });
}

type Presented = { readonly kind: "token"; readonly token: string } | { kind: "none"; found: string };

/** Reads the bearer token from an Authorization header (RFC 6750 §2.1). */
function presentedToken(header: string | undefined): Presented {
  if (header === undefined) return { kind: "none", found: "no bearer token" };
  const token = /^Bearer +([\w~+/.-]+=*) *$/i.exec(header)?.[1];
  return token === undefined
    ? { kind: "none", found: "a malformed Authorization header" }
    : { kind: "token", token };
}

const encoder = new TextEncoder();

/**
 * Hashes a token. Each request does: the hash of the platform runs in another thread, and to wait for that takes ten
 * times as long as to hash so short a text here.
 *
 * @returns The SHA-256 of a text in UTF-8, 32 octets.
 */
export function sha256(text: string): Uint8Array {
  return sha256Of(encoder.encode(text));
}

/** Compares every octet, so that the time it takes does not show where the first difference is. */
function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index++) difference |= a[index]! ^ (b[index] ?? 0);
  return difference === 0;
}

interface EnvironmentToken {
  readonly hash: Uint8Array;
  readonly principal: Principal;
}

function environmentTokens(
  secrets: Readonly<Record<"relay" | "admin", string | undefined>>,
): EnvironmentToken[] {
  return (["relay", "admin"] as const).flatMap((scope) => {
    const secret = secrets[scope];
    if (secret === "") {
      throw new TypeError(`Cannot guard the API: found an empty ${scope} token, expected a secret`);
    }
    const principal = { name: environmentName, scope, domain: null };
    return secret === undefined ? [] : [{ hash: sha256(secret), principal }];
  });
}
