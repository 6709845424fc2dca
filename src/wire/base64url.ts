/**
 * Octets as base64url without padding (RFC 4648 §5): text for headers and query strings that needs no escape.
 * Made with `btoa` and `atob`, which every platform has.
 *
 * @module
 */
import { unparsedCharactersMax } from "../limits.ts";

/**
 * Encodes octets.
 *
 * @param octets Up to some ten thousand: each becomes an argument of one call.
 * @returns Digits of `A-Z a-z 0-9 - _`, without `=` at the end.
 */
export function encodeBase64url(octets: Uint8Array): string {
  return btoa(String.fromCharCode(...octets))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/**
 * Decodes octets.
 *
 * @param text Digits as {@link encodeBase64url} writes them, without padding.
 * @throws {SyntaxError} When the text has another character, or a length that no octets have.
 */
export function decodeBase64url(text: string): Uint8Array {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) {
    throw new SyntaxError(
      `Cannot decode base64url: found "${text.slice(0, unparsedCharactersMax)}", expected A-Z, a-z, 0-9, "-" and "_" without padding`,
    );
  }
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
