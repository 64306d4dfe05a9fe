/** What a run says while it goes, in the order it says it, shown at most once a frame. */

import type { Answer, Progress } from "../api/shapes";

export type Bundle = Record<string, unknown>;

export type Part =
  | { kind: "stdout" | "stderr"; text: string; cut?: boolean }
  | { kind: "log"; level: string; message: string; fields: Record<string, unknown> }
  | { kind: "display"; bundle: Bundle };

export const TEXT_CHARACTERS_MAX = 200_000;
const PARTS_MAX = 500;

export interface Said {
  parts: Part[];
  progress: Progress | null;
}

export class Output {
  private parts: Part[] = [];
  private progress: Progress | null = null;
  private due = 0;

  constructor(private readonly show: (said: Said) => void) {}

  take(kind: string, data: unknown): void {
    if (kind === "stdout" || kind === "stderr") this.text(kind, (data as { text: string }).text);
    else if (kind === "log") this.parts.push({ kind, ...(data as Omit<Extract<Part, { kind: "log" }>, "kind">) });
    else if (kind === "display") this.parts.push({ kind, bundle: data as Bundle });
    else if (kind === "progress") this.progress = data as Progress;
    else return;
    if (this.parts.length > PARTS_MAX) this.parts.splice(0, this.parts.length - PARTS_MAX);
    this.due ||= requestAnimationFrame(() => this.flush());
  }

  flush(): void {
    cancelAnimationFrame(this.due);
    this.due = 0;
    this.show({ parts: [...this.parts], progress: this.progress });
  }

  /** Of an answer that was kept: its text first, then what it displayed. */
  static of(answer: Answer): Part[] {
    const parts: Part[] = [];
    if (answer.stdout) parts.push(ending("stdout", answer.stdout));
    if (answer.stderr) parts.push(ending("stderr", answer.stderr));
    for (const bundle of answer.displays) parts.push({ kind: "display", bundle });
    return parts;
  }

  private text(kind: "stdout" | "stderr", text: string): void {
    const last = this.parts.at(-1);
    if (last?.kind !== kind) return void this.parts.push(ending(kind, text));
    this.parts[this.parts.length - 1] = ending(kind, last.text + text, last.cut);
  }
}

function ending(kind: "stdout" | "stderr", text: string, before = false): Extract<Part, { text: string }> {
  const cut = before || text.length > TEXT_CHARACTERS_MAX;
  return { kind, text: text.slice(-TEXT_CHARACTERS_MAX), cut };
}
