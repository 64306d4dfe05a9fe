/** A table as text, for a file or for a spreadsheet. Pure. */

import type { Table } from "./shape";

export function csv(table: Table, separator = ","): string {
  const field = (value: unknown) => {
    const text = value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
    return text.includes(separator) || /["\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [["", ...table.columns].map(field).join(separator)];
  for (let row = 0; row < table.rows; row++) {
    lines.push([table.index[row], ...table.data.map((column) => column[row])].map(field).join(separator));
  }
  return lines.join("\n") + "\n";
}
