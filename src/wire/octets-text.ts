/**
 * Shows octets that may be text, such as the names of lines.
 *
 * @module
 */
import { encodeHex } from "./hex.ts";

/** @returns Text if all octets are printable ASCII and the text does not begin with `hex:`; else `hex:` and digits. */
export function showOctets(octets: Uint8Array): string {
  const isText = octets.length > 0 && octets.every((octet) => octet >= 0x20 && octet < 0x7f);
  const text = isText ? String.fromCharCode(...octets) : "";
  return isText && !text.startsWith("hex:") ? text : `hex:${encodeHex(octets)}`;
}
