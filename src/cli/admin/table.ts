/**
 * JSON as people read it.
 *
 * @module
 */

/** Shows a page of a list, and says when there is more: a page may be empty before that. */
export function formatPage(columns: readonly string[], body: unknown): string {
  const { items, next } = body as { readonly items: readonly unknown[]; readonly next: string | null };
  return formatTable(columns, items) + (next === null ? "" : `more with --cursor ${next}\n`);
}

/** Shows items as a table with a line of headings. */
export function formatTable(columns: readonly string[], items: readonly unknown[]): string {
  const rows = [columns.map((column) => column.split(".").at(-1)!.toUpperCase())];
  for (const item of items) rows.push(columns.map((column) => cellOf(item, column)));
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => row[index]!.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function cellOf(item: unknown, path: string): string {
  let value: unknown = item;
  for (const key of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[key];
  if (value === undefined || value === null) return "-";
  if (Array.isArray(value)) return value.join(",") || "-";
  return typeof value === "string" ? value : JSON.stringify(value);
}
