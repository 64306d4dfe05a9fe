/** The editor: CodeMirror with Python, what a script may call, and the line that failed. */

import { autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap } from "@codemirror/autocomplete";
import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { globalCompletion, localCompletionSource, python, pythonLanguage } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Annotation, EditorState, StateEffect, StateField, Transaction, type Extension } from "@codemirror/state";
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightActiveLine,
  hoverTooltip,
  keymap,
  lineNumbers,
  placeholder,
  tooltips,
  type DecorationSet,
} from "@codemirror/view";
import { colours, theme } from "./colours";
import { described, names } from "./names";
import type { Failure } from "./traceback";

export interface Writing {
  text: string;
  label: string;
  hint?: string;
  readOnly?: boolean;
  changed?: (text: string) => void;
  run?: () => void;
}

const markFailed = StateEffect.define<number | null>();
/** Not typed here. */
const elsewhere = Annotation.define<boolean>();

const failedLine = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(markFailed)) continue;
      return effect.value === null
        ? Decoration.none
        : Decoration.set(Decoration.line({ class: "cm-failed" }).range(effect.value));
    }
    // What is being mended is not wrong any more.
    return transaction.docChanged ? Decoration.none : marks.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

export function open(parent: HTMLElement, writing: Writing): EditorView {
  const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.nonce ?? "";
  const state = EditorState.create({ doc: writing.text, extensions: [EditorView.cspNonce.of(nonce), ...setUp(writing, parent)] });
  return new EditorView({ state, parent });
}

export function mark(view: EditorView, failure: Failure | null): void {
  const line = failure && failure.line <= view.state.doc.lines ? view.state.doc.line(failure.line) : null;
  const indent = line ? line.text.length - line.text.trimStart().length : 0;
  const found = line && failure
    ? [{ from: line.from + indent, to: line.to, severity: "error" as const, message: failure.message }]
    : [];
  view.dispatch(setDiagnostics(view.state, found));
  view.dispatch({ effects: markFailed.of(line ? line.from : null) });
  if (line) bringIntoSight(view, line.from);
}

/** Within the editor: what is around it stays where it is. */
function bringIntoSight(view: EditorView, position: number): void {
  const { top, bottom } = view.lineBlockAt(position);
  const box = view.scrollDOM;
  const seen = top >= box.scrollTop && bottom <= box.scrollTop + box.clientHeight;
  if (!seen) box.scrollTop = top - box.clientHeight / 2;
}

/** Puts that text there with as little change as can be: cursor and undo stay with what was typed here. */
export function replace(view: EditorView, text: string): void {
  const now = view.state.doc.toString();
  let from = 0;
  while (from < now.length && from < text.length && now[from] === text[from]) from += 1;
  let [to, end] = [now.length, text.length];
  while (to > from && end > from && now[to - 1] === text[end - 1]) [to, end] = [to - 1, end - 1];
  const annotations = [Transaction.addToHistory.of(false), elsewhere.of(true)];
  view.dispatch({ changes: { from, to, insert: text.slice(from, end) }, annotations });
}

function setUp(writing: Writing, parent: HTMLElement): Extension[] {
  const run = writing.run;
  return [
    keymap.of(run ? [{ key: "Ctrl-Enter", mac: "Cmd-Enter", run: (view) => (closeCompletion(view), run(), true), preventDefault: true }] : []),
    lineNumbers(),
    history(),
    drawSelection(),
    indentOnInput(),
    indentUnit.of("    "),
    bracketMatching(),
    closeBrackets(),
    highlightActiveLine(),
    highlightSelectionMatches(),
    search({ top: true }),
    python(),
    pythonLanguage.data.of({ autocomplete: localCompletionSource }),
    pythonLanguage.data.of({ autocomplete: globalCompletion }),
    pythonLanguage.data.of({ autocomplete: scriptNames }),
    // Outside of the glyph, which would cut them off; but not behind a dialog.
    tooltips({ parent: parent.closest("dialog") ?? document.body, position: "fixed" }),
    autocompletion({ icons: false }),
    hoverTooltip(nameUnderPointer),
    failedLine,
    lintGutter(),
    syntaxHighlighting(colours),
    theme,
    // Escape and then Tab leaves the editor, for those who have no mouse.
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...searchKeymap, ...historyKeymap, indentWithTab, ...defaultKeymap]),
    EditorView.contentAttributes.of({ "aria-label": writing.label, tabindex: "0" }),
    EditorState.readOnly.of(writing.readOnly ?? false),
    placeholder(writing.hint ?? ""),
    EditorView.updateListener.of((update) => {
      const typed = update.transactions.some((each) => each.docChanged && !each.annotation(elsewhere));
      if (typed) writing.changed?.(update.state.doc.toString());
    }),
  ];
}

async function scriptNames(context: CompletionContext): Promise<CompletionResult | null> {
  const word = context.matchBefore(/[\w]+$/);
  if (!word && !context.explicit) return null;
  const before = context.state.sliceDoc(Math.max(0, (word?.from ?? context.pos) - 1), word?.from ?? context.pos);
  if (before === ".") return null;
  const options = [...(await names()).values()].map((name) => ({
    label: name.name,
    type: name.kind === "function" ? "function" : "variable",
    detail: "qntx",
    boost: 20,
    info: () => described(name),
  }));
  return { from: word?.from ?? context.pos, options, validFor: /^\w*$/ };
}

async function nameUnderPointer(view: EditorView, position: number) {
  const word = view.state.wordAt(position);
  const name = word && (await names()).get(view.state.sliceDoc(word.from, word.to));
  if (!word || !name || view.state.sliceDoc(word.from - 1, word.from) === ".") return null;
  return { pos: word.from, end: word.to, above: true, create: () => ({ dom: described(name) }) };
}
