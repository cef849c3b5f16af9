/** Rows of text under headings, in columns. */

/** A column: its heading, and on which side its cells are filled up. */
export interface Column {
  readonly heading: string
  readonly align: "left" | "right"
}

export const table = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const headings = columns.map(({ heading }) => heading)
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => (row[i] ?? "").length)))
  const line = (cells: ReadonlyArray<string>): string =>
    columns
      .map(({ align }, i) => {
        const [cell = "", width = 0] = [cells[i], widths[i]]
        return align === "left" ? cell.padEnd(width) : cell.padStart(width)
      })
      .join("  ")
      .trimEnd()
  return [line(headings), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n")
}
