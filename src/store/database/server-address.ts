/**
 * The address of a database server. An operator may write secrets into its URL: a password, or a token. They are taken
 * out here, so that no error, log line or other output of a driver can show them.
 *
 * @module
 */
import { DatabaseError } from "./database.ts";

/** Where a server is, and what authenticates us there. */
export interface ServerAddress {
  /** The URL without secrets. */
  readonly url: string;
  /** The value of the Authorization header; undefined for a server that requires none. */
  readonly authorization: string | undefined;
}

const schemes = ["http:", "https:", "libsql:"];

/**
 * Parses the URL of a server. A token has precedence over a user name and password, and one in the URL over the
 * setting.
 *
 * @param text `http(s)://[user:password@]host[:port][/path][?authToken=…][&tls=0|1]`, or the same with `libsql:`.
 * @param token Token of the server, if it is set apart from the URL.
 * @throws {DatabaseError} When the text is no such URL. The message shows nothing of it.
 */
export function parseServerAddress(text: string, token?: string): ServerAddress {
  const url = parseUrl(text);
  const { protocol, username, password, host, pathname, searchParams, hash } = url;
  if (!schemes.includes(protocol) || host === "") throw cannotOpen("another URL", schemes.join(" or "));
  // A password with a special character that is not percent-encoded ends the authority of the URL.
  if (pathname.includes("@") || hash !== "") {
    throw cannotOpen("a fragment or an @ in the path of the URL", "special characters as %XX in a password");
  }
  const parameters = [...searchParams.keys()];
  if (parameters.some((key) => key !== "authToken" && key !== "tls")) {
    throw cannotOpen("an unknown query parameter in the URL", "authToken or tls");
  }
  if (new Set(parameters).size < parameters.length) {
    throw cannotOpen("a query parameter twice in the URL", "each once");
  }
  const tls = searchParams.get("tls");
  if (tls !== null && !["0", "1"].includes(tls))
    throw cannotOpen("another value of tls in the URL", "0 or 1");
  return {
    url: `${protocol}//${host}${pathname}${tls === null ? "" : `?tls=${tls}`}`,
    authorization:
      bearer(searchParams.get("authToken") ?? token) ??
      (username === "" && password === "" ? undefined : basic(username, password)),
  };
}

function parseUrl(text: string): URL {
  // The platform's parser would leave out line ends and tabs, wherever they are.
  if (/\s/.test(text)) throw cannotOpen("white space in the URL", "none");
  try {
    return new URL(text);
  } catch {
    // The platform's error has the text, so it is no cause of this one.
    throw cannotOpen("an invalid URL", "https://…, http://… or libsql://…");
  }
}

/** @throws {DatabaseError} When the token cannot be in a header. The platform's error would show it. */
function bearer(token: string | undefined): string | undefined {
  const trimmed = token?.trim();
  if (trimmed === undefined || trimmed === "") return undefined;
  if (/^[\x21-\x7e]+$/.test(trimmed)) return `Bearer ${trimmed}`;
  throw cannotOpen("a token with characters that no header may have", "printable ASCII without spaces");
}

/** @returns The credentials of RFC 7617, in UTF-8. */
function basic(username: string, password: string): string {
  let text: string;
  try {
    text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    throw cannotOpen("a password with a lone %", "%25 for each");
  }
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
}

function cannotOpen(found: string, expected: string): DatabaseError {
  return new DatabaseError(`Cannot open the database: found ${found}, expected ${expected}`);
}
