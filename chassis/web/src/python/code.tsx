/** An editor as a component; its text is what it begins with, and what is typed goes out. */

import type { EditorView } from "@codemirror/view";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { mark, open } from "./editor";
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
  latest.current = props;
  // Before the next key: a glyph placed from the keyboard is typed into at once.
  useLayoutEffect(() => {
    const { text, label, hint, readOnly, focused } = latest.current;
    view.current = open(box.current!, {
      text,
      label,
      hint: hint ?? "",
      readOnly: readOnly ?? false,
      changed: (changed) => latest.current.changed?.(changed),
      ...(latest.current.run ? { run: () => latest.current.run?.() } : {}),
    });
    if (focused) view.current.focus();
    return () => view.current?.destroy();
  }, []);
  useEffect(() => {
    if (view.current) mark(view.current, props.failure ?? null);
  }, [props.failure?.line, props.failure?.message]);
  return <div class="code" ref={box} />;
}
