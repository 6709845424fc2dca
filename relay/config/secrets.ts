/**
 * The relay's credentials and the certificate authorities that it trusts. They are read from files and from the
 * environment, at the start and at each reload, so that a token or a certificate can be rotated. They are never logged.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { withoutEmptyVariables } from "../../src/environment.ts";
import { secretCharactersMin, secretFileOctetsMax } from "../../src/limits.ts";
import { readTextFile } from "../../src/text-file.ts";
import { ConfigError } from "./config-error.ts";
import type { ConfigFault } from "./config-error.ts";

/** Names of the files, from the settings. */
export interface SecretFiles {
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** The token, and the contents of the TLS files. */
export interface Secrets {
  /** Token with which this relay authenticates to the allocators. */
  readonly token: string;
  /** PEM of the authorities that certify allocators. Default: Node's own certificate authorities. */
  readonly ca?: string;
  /** PEM of the client certificate that the relay presents to allocators, and of its key. */
  readonly certificate?: string;
  readonly key?: string;
}

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable with the token. */
const tokenVariable = "APPORTION_RELAY_TOKEN";

/** Name of the systemd credential: `LoadCredential=relay-token:/etc/apportion/relay.token`. */
const credentialName = "relay-token";

/**
 * Reads the token and the TLS files.
 *
 * The token comes from `tokenFile`, else from the environment variable `APPORTION_RELAY_TOKEN`, else from the systemd
 * credential `relay-token` (systemd.exec(5), Credentials).
 *
 * @throws {ConfigError} With each fault: an unreadable file, an invalid or missing token, a key that does not match.
 */
export function readSecrets(
  { allocator }: { readonly allocator: SecretFiles },
  environment: Environment,
): Secrets {
  const faults: ConfigFault[] = [];
  const attempt = <T>(name: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      faults.push({ name, problem: (error as Error).message });
      return undefined;
    }
  };
  const readOptional = (key: "caFile" | "certificateFile" | "keyFile"): string | undefined => {
    const file = allocator[key];
    return file === undefined ? undefined : attempt(`allocator.${key}`, () => readText(file));
  };
  const path = allocator.tokenFile === undefined ? tokenVariable : "allocator.tokenFile";
  const token = attempt(path, () => checkToken(readToken(allocator.tokenFile, environment)));
  const [ca, certificate, key] = [
    readOptional("caFile"),
    readOptional("certificateFile"),
    readOptional("keyFile"),
  ];
  const tls = {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
  };
  if (faults.length === 0) checkTls(tls, attempt);
  if (faults.length > 0) throw new ConfigError(faults);
  return { token: token!, ...tls };
}

function readToken(file: string | undefined, environment: Environment): string | undefined {
  const { APPORTION_RELAY_TOKEN: token, CREDENTIALS_DIRECTORY: credentials } =
    withoutEmptyVariables(environment);
  if (file !== undefined) return readText(file).trim();
  if (token !== undefined) return token;
  if (credentials === undefined) return undefined;
  // The unit sets an empty one where the file is missing.
  const credential = readText(join(credentials, credentialName)).trim();
  return credential === "" ? undefined : credential;
}

/**
 * @throws {TypeError} If the token is missing, too short, or not allowed in an Authorization header (RFC 6750 §2.1).
 *   The message does not contain the token.
 */
function checkToken(token: string | undefined): string {
  if (token === undefined) {
    throw new TypeError(
      "found nothing, expected the token of the relay, here, in a tokenFile or in the systemd credential relay-token",
    );
  }
  if (token.length < secretCharactersMin) {
    throw new TypeError(`found ${token.length} characters, expected ${secretCharactersMin} or more`);
  }
  if (!/^[\w~+/.-]+=*$/.test(token)) {
    throw new TypeError(
      "found other characters, expected only letters, digits and ~+/.-_=, as in an Authorization header",
    );
  }
  return token;
}

function readText(file: string): string {
  try {
    return readTextFile(file, { octetsMax: secretFileOctetsMax, expected: `a readable file at ${file}` });
  } catch (error) {
    throw new Error((error as Error).message, { cause: error });
  }
}

/** Parses the TLS files, so that a fault is found here, with the name of its setting, and not at the first POST. */
function checkTls(
  tls: Omit<Secrets, "token">,
  attempt: <T>(name: string, read: () => T) => T | undefined,
): void {
  const { ca, certificate, key } = tls;
  if (ca !== undefined) attempt("allocator.caFile", () => parsePem("certificate", ca));
  const parsed =
    certificate === undefined
      ? undefined
      : attempt("allocator.certificateFile", () => parsePem("certificate", certificate));
  if (key === undefined) return;
  attempt("allocator.keyFile", () => {
    const parsedKey = parsePem("private key", key);
    if (parsed !== undefined && !parsed.checkPrivateKey(parsedKey)) {
      throw new TypeError("found the key of another certificate, expected that of certificateFile");
    }
  });
}

function parsePem(what: "certificate", pem: string): X509Certificate;
function parsePem(what: "private key", pem: string): KeyObject;
function parsePem(what: "certificate" | "private key", pem: string): X509Certificate | KeyObject {
  try {
    return what === "certificate" ? new X509Certificate(pem) : createPrivateKey(pem);
  } catch (error) {
    throw new TypeError(`found no ${what} that can be read, expected PEM`, { cause: error });
  }
}
