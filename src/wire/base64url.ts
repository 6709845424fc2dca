/**
 * Octets as base64url without padding (RFC 4648 §5): text that needs no escaping in headers and query strings.
 * It uses `btoa` and `atob`, which every platform provides.
 *
 * @module
 */
import { unparsedCharactersMax } from "../limits.ts";

/**
 * Encodes octets as base64url.
 *
 * @param octets At most some ten thousand, because each one becomes an argument of a single call.
 * @returns Text made of `A-Z a-z 0-9 - _`, without trailing `=`.
 */
export function encodeBase64url(octets: Uint8Array): string {
  return btoa(String.fromCharCode(...octets))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/**
 * Decodes base64url text.
 *
 * @param text Text as {@link encodeBase64url} writes it, without padding.
 * @returns The octets.
 * @throws {SyntaxError} When the text contains any other character, or has a length that no octets encode to.
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
