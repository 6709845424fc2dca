/**
 * Reads the allocator's settings from the environment. The variables have the same names on every platform.
 *
 * @module
 */
import * as v from "valibot";
import { DuplicateKeyError, parseJson } from "../declaration/json.ts";
import { parseTrustedProxies } from "../http/client-address.ts";
import type { ProxyPrefix } from "../http/client-address.ts";
import { placementsMax, secretCharactersMin } from "../limits.ts";
import type { StoreSettings } from "../store/store.ts";

/** `file:PATH`, `http(s)://…` or `libsql://…`. */
const databaseUrl = v.pipe(
  v.string("expected a database URL"),
  v.regex(
    /^(file:|https?:\/\/|libsql:\/\/)./,
    'expected "file:PATH", "https://…", "http://…" or "libsql://…"',
  ),
);

const placements = v.pipe(
  v.record(v.string(), v.strictObject({ url: databaseUrl, token: v.optional(v.string()) })),
  v.maxEntries(placementsMax, `expected at most ${placementsMax} domains`),
);

const secret = (expected: string) =>
  v.pipe(
    v.string(expected),
    v.minLength(secretCharactersMin, `expected at least ${secretCharactersMin} characters`),
    v.regex(/^[\w~+/.-]+=*$/, "expected letters, digits and ~+/.-_= only, as in an Authorization header"),
  );

const schema = v.object({
  APPORTION_DATABASE_URL: databaseUrl,
  APPORTION_DATABASE_TOKEN: v.optional(v.string()),
  /** The databases of domains that are not stored in `APPORTION_DATABASE_URL`, as JSON. */
  APPORTION_PLACEMENTS: v.optional(
    v.pipe(
      v.string(),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        try {
          return parseJson(dataset.value);
        } catch (error) {
          const isRepeated = error instanceof DuplicateKeyError;
          const what = isRepeated ? "each domain once" : 'JSON: {"DOMAIN": {"url": …, "token": …}}';
          addIssue({ message: `expected ${what}` });
          return NEVER;
        }
      }),
      placements,
    ),
    "{}",
  ),
  APPORTION_RELAY_TOKEN: secret("expected the secret that the relays present"),
  /** Token of scope `admin`, for creating the first tokens. Without it, the admin API accepts only stored tokens. */
  APPORTION_ADMIN_TOKEN: v.optional(secret("expected the secret that the operator presents")),
  /** Proxies whose `X-Forwarded-For` or `Forwarded` is believed. Default: none. */
  APPORTION_TRUSTED_PROXIES: v.optional(
    v.pipe(
      v.string(),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        try {
          return parseTrustedProxies(dataset.value);
        } catch {
          addIssue({ message: "expected prefixes or addresses, such as 10.0.0.0/8, 2001:db8::1" });
          return NEVER;
        }
      }),
    ),
    "",
  ),
  /** Days for which history is kept, 1 to 99999. Default: forever. */
  APPORTION_HISTORY_DAYS: v.optional(
    v.pipe(v.string(), v.regex(/^[1-9]\d{0,4}$/, "expected days, 1 to 99999"), v.transform(Number)),
  ),
});

/** Settings of an allocator. */
export interface AllocatorConfig {
  readonly store: StoreSettings;
  readonly relayToken: string;
  readonly adminToken: string | undefined;
  /** Prefixes of the proxies whose `X-Forwarded-For` or `Forwarded` is believed. */
  readonly trustedProxies: readonly ProxyPrefix[];
  /** Days for which tenures are kept after their end; null keeps them forever. */
  readonly historyDays: number | null;
}

/**
 * Reads the settings.
 *
 * @param environment Environment variables; on Workers, the bindings.
 * @returns The checked settings.
 * @throws {TypeError} When a variable is invalid. The message names each invalid variable, but never shows a value,
 *   because it may be a secret.
 */
export function readConfig(environment: Readonly<Record<string, unknown>>): AllocatorConfig {
  const result = v.safeParse(schema, environment);
  if (!result.success) {
    const faults = result.issues.map((issue) => {
      const found = issue.input === undefined ? "nothing" : "an invalid value";
      return `  ${v.getDotPath(issue) ?? "environment"}: found ${found}, ${issue.message}`;
    });
    throw new TypeError(`Cannot configure the allocator:\n${faults.join("\n")}`);
  }
  return {
    store: {
      url: result.output.APPORTION_DATABASE_URL,
      token: result.output.APPORTION_DATABASE_TOKEN,
      placements: result.output.APPORTION_PLACEMENTS,
    },
    relayToken: result.output.APPORTION_RELAY_TOKEN,
    adminToken: result.output.APPORTION_ADMIN_TOKEN,
    trustedProxies: result.output.APPORTION_TRUSTED_PROXIES,
    historyDays: result.output.APPORTION_HISTORY_DAYS ?? null,
  };
}
