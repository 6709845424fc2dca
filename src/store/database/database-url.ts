/**
 * The URL of a database: a file, or a server. Everything that takes such a URL uses this module, so that all parts of the
 * program mean the same database.
 *
 * @module
 */
import { DatabaseError } from "./database.ts";
import { parseServerAddress } from "./server-address.ts";

/** The forms of a URL, for messages. */
export const databaseUrlForms = '"file:PATH", "https://…", "http://…" or "libsql://…"';

/** @returns Whether a URL names a file, rather than a server. */
export function isFileUrl(url: string): boolean {
  return /^file:/i.test(url);
}

/**
 * Takes the path out of the URL of a file: `file:data/x.db` (relative), `file:/x.db`, `file:///x.db`, or
 * `file://localhost/x.db` (RFC 8089). `%XX` stands for an octet of the name.
 *
 * There are no parameters: with a token, as servers have it, the name of the file would be a secret, and everybody who
 * lists the folder would see it.
 *
 * @returns The path, which is relative to the current folder unless it begins with `/`.
 * @throws {DatabaseError} When the text is no such URL. The message shows nothing of what may be secret.
 */
export function filePathOf(url: string): string {
  if (/[?#]/.test(url)) {
    throw cannotOpen(
      "a ? or # in the URL of a file",
      "file:PATH without parameters, and %3F or %23 in the name of a file",
    );
  }
  const [, authority, rest] = /^file:(?:\/\/([^/]*))?(.*)$/is.exec(url) ?? [];
  if (rest === undefined) throw cannotOpen("another URL", databaseUrlForms);
  if (authority !== undefined && !["", "localhost"].includes(authority.toLowerCase())) {
    throw cannotOpen("the name of a host in the URL of a file", "file:PATH, or file:///PATH");
  }
  const path = decoded(rest);
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]|^\s|\s$/.test(path)) {
    throw cannotOpen("a control character, or space at an end, in the path of a file", "file:PATH");
  }
  if (path === "" || path === ":memory:" || path.endsWith("/")) {
    throw cannotOpen(`"${path}"`, "the path of a file that keeps the leases");
  }
  // The driver would take the name of a file that looks like a URL for one.
  return /^[a-z][a-z0-9+.-]*:/i.test(path) ? `./${path}` : path;
}

/**
 * Checks the URL of a database.
 *
 * @throws {DatabaseError} When it is not valid. The message shows nothing of what may be secret.
 */
export function checkDatabaseUrl(url: string): void {
  databaseKey(url);
}

/**
 * Names a database, so that the same database is opened once, however its URL is written.
 *
 * @returns The same text for all URLs of one file, or of one server. It has no secrets.
 * @throws {DatabaseError} When the URL is not valid.
 */
export function databaseKey(url: string): string {
  if (isFileUrl(url)) {
    const path = filePathOf(url)
      .replace(/\/{2,}/g, "/")
      .replace(/(?<=^|\/)\.\/+/g, "");
    return `file:${path}`;
  }
  if (!/^(https?|libsql):/i.test(url)) throw cannotOpen("another URL", databaseUrlForms);
  const { url: server } = parseServerAddress(url);
  const { protocol, host, pathname, searchParams } = new URL(server);
  const isPlain = protocol === "http:" || searchParams.get("tls") === "0";
  // Both schemes of a server speak HTTP. Its URL is normalized only for schemes that browsers know.
  const { origin } = new URL(`${isPlain ? "http" : "https"}://${host}`);
  return origin + pathname.replace(/\/+$/, "");
}

/**
 * Formats the URL of a database for people.
 *
 * @returns The URL without secrets. A path of a file is unchanged.
 */
export function showDatabaseUrl(url: string): string {
  return isFileUrl(url) ? url : parseServerAddress(url).url;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw cannotOpen("a % without two hexadecimal digits in the URL of a file", "%25 for each %");
  }
}

function cannotOpen(found: string, expected: string): DatabaseError {
  return new DatabaseError(`Cannot open the database: found ${found}, expected ${expected}`);
}
