/** Text in columns, numbers to the right. The first row is the heading. */
export function formatTable(rows: string[][]): string {
  const heading = rows[0] ?? [];
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumber = (cell: string) => /^[\d+-]/.test(cell) || cell === "";
  const numeric = heading.map((_, column) => rows.slice(1).every((row) => isNumber(row[column] ?? "")));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  return [line(heading), widths.map((width) => "-".repeat(width)).join("  "), ...rows.slice(1).map(line)].join("\n");
}
