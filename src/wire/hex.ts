/**
 * Octets as hexadecimal text, and their comparison.
 *
 * @module
 */

const hexOfOctet = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** @returns Two lower-case digits for each octet. */
export function encodeHex(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += hexOfOctet[octet]!;
  return text;
}

/**
 * @param text Two digits for each octet, of either case.
 * @throws {SyntaxError} When it is anything else.
 */
export function decodeHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) {
    throw new SyntaxError(
      `Cannot decode hexadecimal: found "${text.slice(0, 40)}", expected pairs of 0-9 and a-f`,
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
