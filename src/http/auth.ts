/**
 * Authentication and authorization with bearer tokens (RFC 6750), which come from the environment and the database.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import { tokenCacheMs, tokenCacheSize } from "../limits.ts";
import type { Principal, TokenScope } from "../store/principal.ts";
import type { Store } from "../store/store.ts";
import { encodeHex } from "../wire/hex.ts";
import { createFailureLimit } from "./failure-limit.ts";
import { problem } from "./problem.ts";

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
}

/** Creates middleware that accepts requests whose token has one of the scopes. Scope `admin` includes `read`. */
export type Guard = (...scopes: readonly TokenScope[]) => MiddlewareHandler<AuthEnv>;

const environmentName = "environment";

/** Tells a locked-out operator that no bootstrap token is set. */
const noAdminToken = " (and no APPORTION_ADMIN_TOKEN is set, so only tokens in the database are accepted)";

/**
 * Creates the guard of all endpoints.
 *
 * Tokens from the environment are compared in memory. Tokens in the database are looked up and cached for
 * {@link tokenCacheMs}, so a revoked or rotated token may still be accepted for that long.
 *
 * @returns A function from scopes to middleware.
 * @throws {TypeError} When a token is empty, because anyone could guess it.
 */
export function createGuard(deps: AuthDeps): Guard {
  const { store, relayToken, adminToken, clientAddress, localMs } = deps;
  const fromEnvironment = environmentTokens({ relay: relayToken, admin: adminToken });
  const cache = createTokenCache(store, localMs);
  const failures = createFailureLimit(localMs);

  async function authenticate(context: Context): Promise<Principal> {
    const presented = presentedToken(context.req.header("authorization"));
    if (presented.kind === "none") throw refusal(presented.found);
    const hash = await sha256(presented.token);
    for (const token of await fromEnvironment)
      if (equalInConstantTime(token.hash, hash)) return token.principal;
    const address = clientAddress?.(context) ?? "unknown";
    const cached = cache.get(hash);
    if (cached !== undefined && cached !== null) return cached;
    const waitSeconds = failures.waitSeconds(address);
    if (waitSeconds > 0) throw tooManyFailures(waitSeconds);
    const found = cached === null ? undefined : await cache.lookUp(hash);
    if (found !== undefined) return found;
    failures.add(address);
    throw refusal(
      adminToken === undefined ? `an unknown bearer token${noAdminToken}` : "an unknown bearer token",
    );
  }

  return (...scopes) =>
    async (context, next) => {
      const principal = await authenticate(context);
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
}

function refusal(found: string): Error {
  const headers = { "www-authenticate": 'Bearer realm="apportion"' };
  const detail = `Cannot accept the request: found ${found}, expected one that is valid here (Authorization: Bearer …)`;
  return problem(401, detail, { headers });
}

function tooManyFailures(waitSeconds: number): Error {
  const detail = `Cannot check the token: found too many unknown tokens from your address, expected a pause of ${waitSeconds} s`;
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

/** @returns The SHA-256 of a text in UTF-8, 32 octets. */
export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
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
): Promise<EnvironmentToken[]> {
  const configured = (["relay", "admin"] as const).flatMap((scope) => {
    const secret = secrets[scope];
    if (secret === "") {
      throw new TypeError(`Cannot guard the API: found an empty ${scope} token, expected a secret`);
    }
    return secret === undefined ? [] : [{ scope, secret }];
  });
  return Promise.all(
    configured.map(async ({ scope, secret }) => ({
      hash: await sha256(secret),
      principal: { name: environmentName, scope, domain: null },
    })),
  );
}

/** Caches the results of recent token look-ups. A full cache drops the oldest entry. */
function createTokenCache({ tokens }: Pick<Store, "tokens">, localMs: () => number) {
  const entries = new Map<string, { readonly token: Principal | null; readonly until: number }>();
  return {
    /** @returns The principal, null for a token known to be invalid, or undefined when a look-up is needed. */
    get(hash: Uint8Array): Principal | null | undefined {
      const entry = entries.get(encodeHex(hash));
      return entry !== undefined && localMs() < entry.until ? entry.token : undefined;
    },
    async lookUp(hash: Uint8Array): Promise<Principal | undefined> {
      const token = await tokens.authenticate(hash);
      const key = encodeHex(hash);
      entries.delete(key);
      if (entries.size >= tokenCacheSize) entries.delete(entries.keys().next().value!);
      entries.set(key, { token: token ?? null, until: localMs() + tokenCacheMs });
      return token;
    },
  };
}
