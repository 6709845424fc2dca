/**
 * Reads the allocator's settings from the environment. The variables have the same names on every platform.
 *
 * @module
 */
import * as v from "valibot";
import { DuplicateKeyError, parseJson } from "../declaration/json.ts";
import { parseTrustedProxies } from "../http/client-address.ts";
import type { ProxyPrefix } from "../http/client-address.ts";
import { withoutByteOrderMark } from "../byte-order-mark.ts";
import { nameSchema, wholeNumberText } from "../declaration/schema-parts.ts";
import { withoutEmptyVariables } from "../environment.ts";
import { UsageError } from "../failure.ts";
import { housekeepingDaysMax, placementsMax, secretCharactersMin } from "../limits.ts";
import { checkDatabaseUrl, databaseUrlForms } from "../store/store.ts";
import type { StoreSettings } from "../store/store.ts";

/** Turns a parser into the transformation of a schema. The message of its error becomes the message of the issue. */
const parsed = <T>(parse: (text: string) => T) =>
  v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
    try {
      return parse(dataset.value);
    } catch (error) {
      // The text may be a secret, so only what was expected is shown.
      const message = /\bexpected .+$/s.exec((error as Error).message)?.[0] ?? "expected another value";
      addIssue({ message });
      return NEVER;
    }
  });

/** A {@link DatabaseAccess} URL. */
const databaseUrl = v.pipe(
  v.string(`expected ${databaseUrlForms}`),
  parsed((url) => {
    checkDatabaseUrl(url);
    return url;
  }),
);

const placements = v.pipe(
  v.record(nameSchema, v.strictObject({ url: databaseUrl, token: v.optional(v.string()) })),
  v.maxEntries(placementsMax, `expected at most ${placementsMax} domains`),
);

const secret = (expected: string) =>
  v.pipe(
    v.string(expected),
    v.minLength(secretCharactersMin, `expected at least ${secretCharactersMin} characters`),
    v.regex(/^[\w~+/.-]+=*$/, "expected letters, digits and ~+/.-_= only, as in an Authorization header"),
  );

const adminToken = v.optional(secret("expected the secret that the operator presents"));

const schema = v.object({
  APPORTION_DATABASE_URL: databaseUrl,
  APPORTION_DATABASE_TOKEN: v.optional(v.string()),
  /** The databases of domains that are not stored in `APPORTION_DATABASE_URL`, as JSON. */
  APPORTION_PLACEMENTS: v.optional(
    v.pipe(
      v.string(),
      v.transform(withoutByteOrderMark),
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
  APPORTION_ADMIN_TOKEN: adminToken,
  /** Proxies whose `X-Forwarded-For` or `Forwarded` is believed. Default: none. */
  APPORTION_TRUSTED_PROXIES: v.optional(v.pipe(v.string(), parsed(parseTrustedProxies)), ""),
  /** Days for which history is kept, 1 to 36500. Default: forever. */
  APPORTION_HISTORY_DAYS: v.optional(wholeNumberText(1, housekeepingDaysMax, "days")),
});

/**
 * Picks the variables of the settings, without the empty ones. Deno allows reading those that its flags name, but no
 * list of all. The keys of the required ones are always there, so that their own schemas say what was expected.
 */
function settingsOf(environment: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const required = { APPORTION_DATABASE_URL: undefined, APPORTION_RELAY_TOKEN: undefined };
  const named = Object.keys(schema.entries).map((name) => [name, environment[name]] as const);
  return {
    ...required,
    ...withoutEmptyVariables(Object.fromEntries(named.filter(([, value]) => value !== undefined))),
  };
}

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
 * @param environment Environment variables; on Workers, the bindings. An empty one counts as unset.
 * @param nameOf Names the flag that has the value of a variable. Default: the variable itself.
 * @returns The checked settings.
 * @throws {UsageError} When a variable is invalid. The message names each invalid variable, but never shows a value,
 *   because it may be a secret.
 */
export function readConfig(
  environment: Readonly<Record<string, unknown>>,
  nameOf = (variable: string): string => variable,
): AllocatorConfig {
  const result = v.safeParse(schema, settingsOf(environment));
  if (!result.success) {
    const faults = result.issues
      .map(describeIssue)
      .map(({ name, found, expected }) => `${nameOf(name)}: found ${found}, expected ${expected}`);
    const [only] = faults;
    const list = faults.length === 1 ? ` ${only!}` : `\n  ${faults.join("\n  ")}`;
    throw new UsageError(`Cannot configure the allocator:${list}`);
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

/** A fault of a setting. */
export interface SettingFault {
  /** Name of the variable. */
  readonly name: string;
  /** What was found; not the value of a variable that may be a secret. */
  readonly found: string;
  readonly expected: string;
}

/** @returns The faults of the settings, of which {@link readConfig} would throw. */
export function findConfigFaults(environment: Readonly<Record<string, unknown>>): readonly SettingFault[] {
  const result = v.safeParse(schema, settingsOf(environment));
  return result.success ? [] : result.issues.map(describeIssue);
}

type Issue = NonNullable<ReturnType<typeof v.safeParse<typeof schema>>["issues"]>[number];

function describeIssue(issue: Issue): SettingFault {
  const found = issue.input === undefined ? "nothing" : "an invalid value";
  // Messages of our parsers begin with what was found, which may be a secret.
  const expected = /expected (.*)/s.exec(issue.message)?.[1] ?? "a value";
  return { name: v.getDotPath(issue) ?? "environment", found, expected };
}

/**
 * Reads the token of scope `admin` alone, for a service that needs nothing else from the environment.
 *
 * @returns Undefined if it is not set, or empty.
 * @throws {UsageError} When it is invalid. The message does not show it.
 */
export function readAdminToken({
  APPORTION_ADMIN_TOKEN: token,
}: Readonly<Record<string, unknown>>): string | undefined {
  const result = v.safeParse(adminToken, token === "" ? undefined : token);
  if (result.success) return result.output;
  const [{ message }] = result.issues;
  throw new UsageError(`Cannot start: APPORTION_ADMIN_TOKEN: found an invalid value, ${message}`);
}
