/**
 * Finds the line of a field in a file with a declared state. The parsed value no longer has lines, so the text is parsed
 * again.
 *
 * @module
 */
import { isScalar, LineCounter, parseDocument } from "yaml";

/**
 * Finds the line of a field.
 *
 * @param path Path of the field: `domains.0.name`.
 * @returns Number of the line from 1: of the field, or else of what contains it; undefined if the text has neither.
 */
export type LineOfField = (path: string) => number | undefined;

/**
 * Parses a text once, to find any number of fields.
 *
 * @param text YAML, or JSON, which is YAML too.
 */
export function linesOf(text: string): LineOfField {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, logLevel: "silent" });
  return (path) => {
    const parts = path.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    for (let length = parts.length; length > 0; length--) {
      const key = parts[length - 1]!;
      const parent = length === 1 ? document.contents : document.getIn(parts.slice(0, length - 1), true);
      const start = startOf(parent, key);
      if (start !== undefined) return counter.linePos(start).line;
    }
    return undefined;
  };
}

interface Collection {
  readonly items?: readonly unknown[];
}

interface Node {
  readonly range?: readonly [number, number, number] | null;
  readonly key?: unknown;
}

/** Returns where an item of a list begins, or the name of a field. */
function startOf(parent: unknown, key: string | number): number | undefined {
  const { items = [] } = (parent ?? {}) as Collection;
  const named = (items as readonly Node[]).find((each) => isScalar(each.key) && each.key.value === key);
  const node = (named?.key ?? (typeof key === "number" ? items[key] : undefined)) as Node | undefined;
  return node?.range?.[0];
}
