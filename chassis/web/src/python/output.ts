/** What a run says while it goes, in the order it says it, shown at most once a frame. */

import type { Answer } from "../api/shapes";

export type Bundle = Record<string, unknown>;

export type Part =
  | { kind: "stdout" | "stderr"; text: string }
  | { kind: "log"; level: string; message: string; fields: Record<string, unknown> }
  | { kind: "display"; bundle: Bundle };

const TEXT_CHARACTERS_MAX = 200_000;
const PARTS_MAX = 500;

export class Output {
  private parts: Part[] = [];
  private due = 0;

  constructor(private readonly show: (parts: Part[]) => void) {}

  take(kind: string, data: unknown): void {
    if (kind === "stdout" || kind === "stderr") this.text(kind, (data as { text: string }).text);
    else if (kind === "log") this.parts.push({ kind, ...(data as Omit<Extract<Part, { kind: "log" }>, "kind">) });
    else if (kind === "display") this.parts.push({ kind, bundle: data as Bundle });
    else return;
    if (this.parts.length > PARTS_MAX) this.parts.splice(0, this.parts.length - PARTS_MAX);
    this.due ||= requestAnimationFrame(() => this.flush());
  }

  flush(): void {
    cancelAnimationFrame(this.due);
    this.due = 0;
    this.show([...this.parts]);
  }

  /** Of an answer that was kept: its text first, then what it displayed. */
  static of(answer: Answer): Part[] {
    const parts: Part[] = [];
    if (answer.stdout) parts.push({ kind: "stdout", text: answer.stdout.slice(-TEXT_CHARACTERS_MAX) });
    if (answer.stderr) parts.push({ kind: "stderr", text: answer.stderr.slice(-TEXT_CHARACTERS_MAX) });
    for (const bundle of answer.displays) parts.push({ kind: "display", bundle });
    return parts;
  }

  private text(kind: "stdout" | "stderr", text: string): void {
    const last = this.parts.at(-1);
    const joined = last?.kind === kind ? last.text + text : text;
    const part: Part = { kind, text: joined.slice(-TEXT_CHARACTERS_MAX) };
    if (last?.kind === kind) this.parts[this.parts.length - 1] = part;
    else this.parts.push(part);
  }
}
