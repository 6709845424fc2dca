/**
 * Bounds the nesting of JSON before it is parsed. `JSON.parse` needs most of a second to find that half a million brackets
 * are not closed, and the code that walks the value afterwards is recursive.
 *
 * @module
 */
import { textDepthMax } from "../limits.ts";

const [quote, backslash] = [0x22, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Refuses JSON that nests too deeply, in one pass. Whether it is valid does not matter here.
 *
 * @throws {SyntaxError} When brackets and braces nest deeper than {@link textDepthMax}.
 */
export function refuseDeepJson(text: string): void {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isInString) {
      if (code === backslash) at++;
      else if (code === quote) isInString = false;
    } else if (code === quote) isInString = true;
    else if (code === openBracket || code === openBrace) {
      if (++depth > textDepthMax) throw new SyntaxError(`found more than ${textDepthMax} levels of nesting`);
    } else if (code === closeBracket || code === closeBrace) depth--;
  }
}
