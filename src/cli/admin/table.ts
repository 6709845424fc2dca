/**
 * Formats JSON as tables for people.
 *
 * @module
 */
import { formatTable } from "../../text-table.ts";
import { visibleLine } from "../../visible-text.ts";

/** A page of a list. */
export interface Page {
  readonly items: readonly unknown[];
  /** Null after the last page. */
  readonly next: string | null;
}

/** Formats a page of a list. The last line says how to get the next page, if there is one; a page may be empty. */
export function formatPage(columns: readonly string[], { items, next }: Page): string {
  return formatItems(columns, items) + (next === null ? "" : `more with --cursor ${visibleLine(next)}\n`);
}

/**
 * Formats items as a table with a line of headings.
 *
 * @param columns Paths of fields, such as `softwire.bindPrefix`. The last part of a path is the heading.
 * @param items Resources of the API.
 */
export function formatItems(columns: readonly string[], items: readonly unknown[]): string {
  const head = columns.map((column) => column.split(".").at(-1)!.toUpperCase());
  const rows = items.map((item) => columns.map((column) => visibleLine(cellOf(item, column))));
  return formatTable(head, rows)
    .map((line) => `${line}\n`)
    .join("");
}

function cellOf(item: unknown, path: string): string {
  let value: unknown = item;
  for (const key of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[key];
  if (value === undefined || value === null) return "-";
  if (Array.isArray(value)) return value.join(",") || "-";
  return typeof value === "string" ? value : JSON.stringify(value);
}
