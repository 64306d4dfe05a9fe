/** A question that stands before everything else, in the browser's own dialog: it keeps the focus, Escape leaves. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { IconButton } from "./button";

/** Once it is shown what is wrong: there one goes on. */
export function toFault(form: EventTarget | null): void {
  requestAnimationFrame(() => (form as Element | null)?.querySelector<HTMLElement>("[aria-invalid=true], .at-fault :is(select, .cm-content)")?.focus());
}

interface DialogProps {
  title: string;
  close: () => void;
  children: ComponentChildren;
  wide?: boolean;
}

export function Dialog({ title, close, children, wide }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next key, which belongs to the question.
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  const outside = (event: MouseEvent) => event.target === dialog.current && close();
  return (
    <dialog ref={dialog} class={wide ? "wide" : ""} aria-label={title} onClose={close} onClick={outside}>
      <header>
        <h2>{title}</h2>
        <IconButton icon="close" label="Close" onClick={close} />
      </header>
      {children}
    </dialog>
  );
}
