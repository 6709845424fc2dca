/**
 * The byte order mark, which some editors write at the beginning of a file.
 *
 * @module
 */

/**
 * Removes a byte order mark. A parser may ignore it (RFC 8259 §8.1), and it is no part of what the text says.
 *
 * @param text The text, decoded as UTF-8.
 * @returns The text without the mark.
 * @throws {SyntaxError} When the text was in UTF-16: its mark is no UTF-8.
 */
export function withoutByteOrderMark(text: string): string {
  if (text.startsWith("\ufffd\ufffd")) throw new SyntaxError("found UTF-16, expected UTF-8");
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}
