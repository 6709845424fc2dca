/**
 * Tables of text for a terminal.
 *
 * @module
 */

/**
 * Lays out a table: columns two spaces apart, each as wide as its widest cell, no spaces at the end of a line.
 *
 * @param head Names of the columns.
 * @param rows One cell for each column.
 * @param options.alignNumbersRight Columns of whole numbers stand to the right. Default: false.
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
