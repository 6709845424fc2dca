/**
 * Formats JSON as tables for people.
 *
 * @module
 */

import { formatTable } from "../../text-table.ts";
import { visibleText } from "../../visible-text.ts";

/** A page of a list. */
export interface Page {
  readonly items: readonly unknown[];
  /** Null after the last page. */
  readonly next: string | null;
}

/** Formats a page of a list. The last line says how to get the next page, if there is one; a page may be empty. */
export function formatPage(columns: readonly string[], { items, next }: Page): string {
  return formatItems(columns, items) + (next === null ? "" : `more with --cursor ${escapeControls(next)}\n`);
}

/**
 * Formats items as a table with a line of headings.
 *
 * @param columns Paths of fields, such as `softwire.bindPrefix`. The last part of a path is the heading.
 * @param items Resources of the API.
 */
export function formatItems(columns: readonly string[], items: readonly unknown[]): string {
  const head = columns.map((column) => column.split(".").at(-1)!.toUpperCase());
  const rows = items.map((item) => columns.map((column) => escapeControls(cellOf(item, column))));
  return formatTable(head, rows)
    .map((line) => `${line}\n`)
    .join("");
}

function cellOf(item: unknown, path: string): string {
  let value: unknown = item;
  for (const key of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[key];
  if (value === undefined || value === null) return "-";
  if (Array.isArray(value)) return visibleText(value.join(",")) || "-";
  return visibleText(typeof value === "string" ? value : JSON.stringify(value));
}

/** Control characters, and those that change the direction of what follows (Unicode categories Cc, Zl, Zp, Cf in part). */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Makes text of others fit for a terminal, which would obey the control characters in it.
 *
 * @returns The text with each such character as `\u` and its code.
 */
export function escapeControls(text: string): string {
  return text.replace(controls, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
