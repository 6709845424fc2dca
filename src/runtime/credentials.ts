/**
 * Secrets that systemd hands over as files (systemd.exec(5), Credentials). Unlike environment variables, they are not
 * passed on to other processes, and no other user can read them.
 *
 * @module
 */
import { join } from "node:path";
import { withoutEmptyVariables } from "../environment.ts";
import { UsageError } from "../failure.ts";
import { secretFileOctetsMax } from "../limits.ts";
import { readTextFile } from "../text-file.ts";
import type { TextFileError } from "../text-file.ts";

/** Name of the credential -> the variable that it stands for. */
const variables = {
  "relay-token": "APPORTION_RELAY_TOKEN",
  "admin-token": "APPORTION_ADMIN_TOKEN",
  "database-token": "APPORTION_DATABASE_TOKEN",
} as const;

/** Environment variables by name. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Adds the secrets of a service: `LoadCredential=relay-token:/etc/apportion/relay.token`. A variable that is set
 * overrides its credential. An empty variable or credential counts as unset.
 *
 * @returns The environment with the secrets.
 * @throws {UsageError} When a credential is there but cannot be read.
 */
export function withCredentials(all: Environment): Environment {
  const environment = withoutEmptyVariables(all);
  const folder = environment.CREDENTIALS_DIRECTORY;
  if (folder === undefined) return environment;
  const secrets = Object.entries(variables).flatMap(([credential, variable]) => {
    const secret = environment[variable] === undefined ? readSecret(join(folder, credential)) : undefined;
    return secret === undefined || secret === "" ? [] : [[variable, secret] as const];
  });
  return { ...environment, ...Object.fromEntries(secrets) };
}

function readSecret(path: string): string | undefined {
  try {
    return readTextFile(path, { octetsMax: secretFileOctetsMax, expected: "a secret" }).trim();
  } catch (error) {
    if ((error as TextFileError).code === "ENOENT") return undefined;
    throw new UsageError(`Cannot read the credential ${path}: ${(error as Error).message}`, { cause: error });
  }
}
