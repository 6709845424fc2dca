/**
 * Finds the line of a setting in a TOML file, because the parser reports lines for syntax errors only.
 *
 * @module
 */

const keyPart = /"[^"]*"|'[^']*'|[\w-]+/g;
const key = String.raw`(?:"[^"]*"|'[^']*'|[\w-]+)`;
const dotted = String.raw`${key}(?:\s*\.\s*${key})*`;
const header = new RegExp(String.raw`^\s*(\[\[?)\s*(${dotted})\s*\]`);
const assignment = new RegExp(String.raw`^\s*(${dotted})\s*=(.*)$`);
const textMark = /"""|'''/g;

/**
 * Finds the line of a setting.
 *
 * @param text A TOML document without syntax errors.
 * @param path Path of the setting, with indexes in arrays of tables: `listeners.0.port`.
 * @returns Number of the line from 1: of the setting, or else of what contains it; undefined if neither is there.
 */
export function lineOf(text: string, path: string): number | undefined {
  const lines = linesOf(text);
  const parts = path.split(".");
  for (let length = parts.length; length > 0; length--) {
    const line = lines.get(parts.slice(0, length).join("."));
    if (line !== undefined) return line;
  }
  return undefined;
}

/** Returns the line of each key, table and item of an array of tables, by path. */
function linesOf(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  /** Path of an array of tables -> the number of its items so far. */
  const items = new Map<string, number>();
  const put = (path: string, line: number): void => {
    if (!lines.has(path)) lines.set(path, line);
  };
  let table: readonly string[] = [];
  let isInText = false;
  for (const [index, line] of text.split("\n").entries()) {
    const marks = [...line.matchAll(textMark)].length;
    const wasInText = isInText;
    if (marks % 2 === 1) isInText = !isInText;
    if (wasInText) continue;
    const [, brackets, name] = header.exec(line) ?? [];
    if (name !== undefined) {
      table = resolve(partsOf(name), items);
      if (brackets === "[[") {
        const array = table.join(".");
        const count = items.get(array) ?? 0;
        items.set(array, count + 1);
        put(array, index + 1);
        table = [...table, String(count)];
      }
      put(table.join("."), index + 1);
    } else {
      const [, assigned] = assignment.exec(line) ?? [];
      if (assigned !== undefined) put([...table, ...partsOf(assigned)].join("."), index + 1);
    }
  }
  return lines;
}

/** A table inside of an array of tables belongs to its last item so far. */
function resolve(parts: readonly string[], items: ReadonlyMap<string, number>): readonly string[] {
  return parts.reduce<readonly string[]>((before, part, at) => {
    const path = [...before, part];
    const count = items.get(path.join("."));
    return count === undefined || at === parts.length - 1 ? path : [...path, String(count - 1)];
  }, []);
}

function partsOf(name: string): string[] {
  return [...name.matchAll(keyPart)].map(([part]) => part.replaceAll(/^["']|["']$/g, ""));
}
