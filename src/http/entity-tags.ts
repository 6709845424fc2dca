/**
 * Entity tags in If-Match and If-None-Match (RFC 9110 §8.8.3, §13.1).
 *
 * @module
 */

/** One entity tag. */
export interface EntityTag {
  readonly isWeak: boolean;
  /** The text between the quotes. */
  readonly opaque: string;
}

/** The value of If-Match or If-None-Match: `*`, or a list. */
export type EntityTags = "any" | readonly EntityTag[];

/** An optional tag, and the comma or the end that follows it. A list may have empty elements (RFC 9110 §5.6.1.2). */
const element = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)")?[ \t]*(,|$)/y;

/**
 * Parses the value of If-Match or If-None-Match. Several header lines are one list, joined by commas.
 *
 * @returns The tags; undefined if the value is neither `*` nor a list of entity tags.
 */
export function parseEntityTags(value: string): EntityTags | undefined {
  if (/^[ \t]*\*[ \t]*$/.test(value)) return "any";
  const tags: EntityTag[] = [];
  element.lastIndex = 0;
  for (;;) {
    const [, weak, opaque, end] = element.exec(value) ?? [];
    if (end === undefined) return undefined;
    if (opaque !== undefined) tags.push({ isWeak: weak !== undefined, opaque });
    if (end === "") return tags;
  }
}

/** The strong comparison, for If-Match: a weak tag never matches. */
export function matchesStrongly(tags: EntityTags, opaque: string): boolean {
  return tags === "any" || tags.some((tag) => !tag.isWeak && tag.opaque === opaque);
}

/** The weak comparison, for If-None-Match. */
export function matchesWeakly(tags: EntityTags, opaque: string): boolean {
  return tags === "any" || tags.some((tag) => tag.opaque === opaque);
}
