/**
 * Text from outside, for a terminal. A control character in it could move the cursor or hide what is printed, and a
 * character that changes the direction of writing could make it read as something else.
 *
 * @module
 */

/** Controls (C0, DEL and C1), line ends of Unicode, and controls of the direction. A tab or newline is harmless. */
const hidden = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

const escape = (found: string): string => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** @returns The text with `\u001b` in the place of each character that a terminal would obey. */
export function visibleText(text: string): string {
  return text.replaceAll(hidden, escape);
}

/** Like {@link visibleText}, for text that has to stay on one line. */
export function visibleLine(text: string): string {
  return visibleText(text).replaceAll(/[\t\n]/g, escape);
}
