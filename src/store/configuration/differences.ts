/**
 * Compares two values field by field, for people who decide whether to make a change.
 *
 * @module
 */
import { isRecord } from "../../is-record.ts";
import { differenceCharactersMax } from "../../limits.ts";

/** A field that a change sets. Values are JSON; a field that does not exist is null. */
export interface FieldDifference {
  /** Names joined by dots, such as `softwire.borderRelays`. */
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** @returns The fields that differ. Objects are compared field by field, lists as a whole. */
export function findDifferences(from: unknown, to: unknown, path = ""): FieldDifference[] {
  if (isRecord(from) && isRecord(to)) {
    const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    return names.flatMap((name) =>
      findDifferences(from[name], to[name], path === "" ? name : `${path}.${name}`),
    );
  }
  const [was, becomes] = [textOf(from), textOf(to)];
  if (was === becomes) return [];
  return [{ path, from: shown(from, was, to), to: shown(to, becomes, from) }];
}

const textOf = (value: unknown): string => JSON.stringify(value ?? null);

/** @returns The value, or how many items a long list has. */
function shown(value: unknown, text: string, other: unknown): unknown {
  if (text.length <= differenceCharactersMax) return value ?? null;
  if (!Array.isArray(value)) return `${text.slice(0, differenceCharactersMax)}…`;
  const others = new Set((Array.isArray(other) ? other : []).map(textOf));
  const own = value.filter((item) => !others.has(textOf(item)));
  return `${value.length} items, ${own.length} of them only here`;
}
