/**
 * Octets as hexadecimal text, and a comparison of octets.
 *
 * @module
 */
import { unparsedCharactersMax } from "../limits.ts";

const digits = "0123456789abcdef";
const codeOfDigit = Uint8Array.from(digits, (digit) => digit.charCodeAt(0));

/** Octets per call of `fromCharCode`, so that the call does not get too many arguments. */
const chunkOctets = 4096;

/**
 * Encodes octets as hexadecimal text.
 *
 * The text is built from character codes rather than by joining strings: that takes half the time and leaves no
 * garbage to collect.
 *
 * @param octets Any number of octets.
 * @returns Two lower-case digits for each octet.
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
 * Decodes hexadecimal text.
 *
 * @param text Two digits for each octet, upper or lower case.
 * @returns The octets.
 * @throws {SyntaxError} When the text has an odd length or any other character.
 */
export function decodeHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) {
    throw new SyntaxError(
      `Cannot decode hexadecimal: found "${text.slice(0, unparsedCharactersMax)}", expected pairs of 0-9 and a-f`,
    );
  }
  const octets = new Uint8Array(text.length / 2);
  writeHex(octets, 0, text);
  return octets;
}

/**
 * Writes hexadecimal text as octets, without a check.
 *
 * @param text Two digits for each octet, upper or lower case.
 */
export function writeHex(octets: Uint8Array, offset: number, text: string): void {
  for (let index = 0; index < text.length; index += 2) {
    const high = valueOfDigit(text.charCodeAt(index));
    octets[offset + index / 2] = (high << 4) | valueOfDigit(text.charCodeAt(index + 1));
  }
}

/** The low four bits of the letters count from 1, in both cases. */
function valueOfDigit(code: number): number {
  return code <= 0x39 ? code & 15 : (code & 15) + 9;
}

/**
 * Compares octets. Do not use it for secrets: its duration reveals where the octets differ.
 *
 * @returns Whether both have the same length and the same octets.
 */
export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
