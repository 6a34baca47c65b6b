/** Tables as files: what a page shows, to go on with elsewhere. */

export type Cell = string | number | null;

/** Lines of cells (RFC 4180). Numbers stay numbers; nothing is left out of a text. */
export function csvText(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(written).join(",")}\r\n`).join("");
}

/** A text that a spreadsheet would take for a formula is marked as a text. */
function written(cell: Cell): string {
  if (typeof cell === "number") return String(cell);
  const text = (cell ?? "").replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Let the reader keep a text as a file; a mark at its beginning tells spreadsheets that it is UTF-8. */
export function saveCsv(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob(["\uFEFF", text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
