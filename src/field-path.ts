/**
 * Paths of fields, for people.
 *
 * @module
 */

/**
 * Formats the path of a field, such as `domains.0.pools`. An empty name is shown as `""`, because nobody sees it otherwise.
 *
 * @param path Names and indexes. Empty for the top level, for which the text is empty too.
 */
export function formatFieldPath(path: readonly PropertyKey[]): string {
  return path.map((key) => (key === "" ? '""' : String(key))).join(".");
}
