/**
 * Environment -> settings of the allocator, the same names on every platform.
 *
 * @module
 */
import * as v from "valibot";

const secret = (expected: string) =>
  v.pipe(
    v.string(expected),
    v.minLength(16, "expected at least 16 characters"),
    v.regex(/^[\w~+/.-]+=*$/, "expected letters, digits and ~+/.-_= only, as in an Authorization header"),
  );

const schema = v.object({
  /** `file:PATH`, `http(s)://…` or `libsql://…`. */
  APPORTION_DATABASE_URL: v.pipe(
    v.string("expected a database URL"),
    v.regex(
      /^(file:|https?:\/\/|libsql:\/\/)./,
      'expected "file:PATH", "https://…", "http://…" or "libsql://…"',
    ),
  ),
  APPORTION_DATABASE_TOKEN: v.optional(v.string()),
  APPORTION_RELAY_TOKEN: secret("expected the secret that the relays present"),
  /** Of scope `admin`: makes the first tokens. Without it, only tokens of the database are good for the admin API. */
  APPORTION_ADMIN_TOKEN: v.optional(secret("expected the secret of the operator")),
});

/** Settings of an allocator. */
export interface AllocatorConfig {
  readonly databaseUrl: string;
  readonly databaseToken: string | undefined;
  readonly relayToken: string;
  readonly adminToken: string | undefined;
}

/**
 * Reads the settings.
 *
 * @param environment Variables; on Workers, the bindings.
 * @throws {TypeError} With the name of each variable that is wrong. Secrets are not repeated in it.
 */
export function readConfig(environment: Readonly<Record<string, unknown>>): AllocatorConfig {
  const result = v.safeParse(schema, environment);
  if (!result.success) {
    const faults = result.issues.map((issue) => {
      const found = issue.input === undefined ? "nothing" : "a value that does not fit";
      return `  ${v.getDotPath(issue) ?? "environment"}: found ${found}, ${issue.message}`;
    });
    throw new TypeError(`Cannot configure the allocator:\n${faults.join("\n")}`);
  }
  return {
    databaseUrl: result.output.APPORTION_DATABASE_URL,
    databaseToken: result.output.APPORTION_DATABASE_TOKEN,
    relayToken: result.output.APPORTION_RELAY_TOKEN,
    adminToken: result.output.APPORTION_ADMIN_TOKEN,
  };
}
