/** Takes a result off the page: into a file, or onto the clipboard. */

import { complain, say } from "../shell/notices";
import type { Table } from "./shape";

export function download(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    complain("The browser did not allow copying.");
  }
}

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

export function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
