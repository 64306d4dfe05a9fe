/** An editor as a component: what is typed goes out, and a text that is not what was typed last is put in its place. */

import type { EditorView } from "@codemirror/view";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { mark, open, replace } from "./editor";
import type { Failure } from "./traceback";

interface CodeProps {
  text: string;
  label: string;
  hint?: string;
  readOnly?: boolean;
  failure?: Failure | null;
  changed?: (text: string) => void;
  run?: () => void;
  focused?: boolean;
}

export function Code(props: CodeProps) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  const typed = useRef(props.text);
  latest.current = props;
  // Before the next key: a glyph placed from the keyboard is typed into at once.
  useLayoutEffect(() => {
    const { text, label, hint, readOnly, focused } = latest.current;
    view.current = open(box.current!, {
      text,
      label,
      hint: hint ?? "",
      readOnly: readOnly ?? false,
      changed: (changed) => {
        typed.current = changed;
        latest.current.changed?.(changed);
      },
      ...(latest.current.run ? { run: () => latest.current.run?.() } : {}),
    });
    if (focused) view.current.focus();
    return () => view.current?.destroy();
  }, []);
  useLayoutEffect(() => {
    if (props.text === typed.current) return;
    typed.current = props.text;
    replace(view.current!, props.text);
  }, [props.text]);
  useEffect(() => {
    if (view.current) mark(view.current, props.failure ?? null);
  }, [props.failure?.line, props.failure?.message]);
  return <div class="code" ref={box} />;
}
