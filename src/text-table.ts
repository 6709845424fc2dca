/**
 * Text tables for a terminal.
 *
 * @module
 */

/**
 * Formats a table. Columns are as wide as their widest cell and two spaces apart, and lines have no trailing spaces.
 *
 * @param head Names of the columns.
 * @param rows Rows with one cell for each column.
 * @param options.alignNumbersRight Aligns columns of whole numbers to the right. Default: false.
 * @returns Lines, the head first.
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { alignNumbersRight = false }: { readonly alignNumbersRight?: boolean } = {},
): string[] {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)));
  const isRight = head.map(
    (_name, column) => alignNumbersRight && rows.every((row) => /^\d+$/.test(row[column]!)),
  );
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) =>
        isRight[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join("  ")
      .trimEnd(),
  );
}
