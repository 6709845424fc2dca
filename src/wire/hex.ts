/**
 * Octets as hexadecimal text, and their comparison.
 *
 * @module
 */
import { unparsedCharactersMax } from "../limits.ts";

const digits = "0123456789abcdef";
const codeOfDigit = Uint8Array.from(digits, (digit) => digit.charCodeAt(0));

/** Octets that one call of `fromCharCode` takes as its arguments. */
const chunkOctets = 4096;

/**
 * @returns Two lower-case digits for each octet.
 *
 * Made from character codes and not by joining texts: that is half the time, and leaves the garbage collector nothing.
 */
export function encodeHex(octets: Uint8Array): string {
  if (octets.length > chunkOctets) {
    return encodeHex(octets.subarray(0, chunkOctets)) + encodeHex(octets.subarray(chunkOctets));
  }
  const codes = new Array<number>(octets.length * 2);
  for (let index = 0; index < octets.length; index++) {
    const octet = octets[index]!;
    codes[index * 2] = codeOfDigit[octet >> 4]!;
    codes[index * 2 + 1] = codeOfDigit[octet & 15]!;
  }
  return String.fromCharCode(...codes);
}

/**
 * @param text Two digits for each octet, of either case.
 * @throws {SyntaxError} When it is anything else.
 */
export function decodeHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) {
    throw new SyntaxError(
      `Cannot decode hexadecimal: found "${text.slice(0, unparsedCharactersMax)}", expected pairs of 0-9 and a-f`,
    );
  }
  const octets = new Uint8Array(text.length / 2);
  for (let index = 0; index < octets.length; index++) {
    octets[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  }
  return octets;
}

/** @returns Whether both have the same octets. Not for secrets: the time it takes tells where they differ. */
export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
