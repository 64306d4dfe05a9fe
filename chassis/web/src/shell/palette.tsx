/** The command palette: everything by name, from the keyboard. */

import { useSignal } from "@preact/signals";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { commands } from "./commands";
import { matching } from "./matching";

export function Palette({ close }: { close: () => void }) {
  const typed = useSignal("");
  const at = useSignal(0);
  const list = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const found = matching(commands(), typed.value).slice(0, 40);
  // Before the next key: what is typed right after the shortcut belongs to the palette.
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => before instanceof HTMLElement && document.activeElement === document.body && before.focus();
  }, []);
  useEffect(() => {
    dialog.current!.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [at.value]);
  const take = (position: number) => {
    const command = found[position];
    close();
    command?.run();
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "Enter") take(at.value);
    else if (event.key === "ArrowDown") at.value = Math.min(at.value + 1, found.length - 1);
    else if (event.key === "ArrowUp") at.value = Math.max(at.value - 1, 0);
    else return;
    event.preventDefault();
  };
  return (
    <dialog ref={dialog} class="palette" aria-label="Commands" onClose={close} onClick={(event) => event.target === dialog.current && close()}>
      <input autoFocus role="combobox" aria-label="Command" aria-expanded="true" aria-controls={list} placeholder="What would you like to do?"
        aria-activedescendant={found.length ? `${list}-${at.value}` : undefined} value={typed.value}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
          at.value = 0;
        }} onKeyDown={pressed} />
      <div role="listbox" id={list} aria-label="Commands">
        {found.map((command, position) => (
          <div key={position} id={`${list}-${position}`} role="option" aria-selected={position === at.value} onClick={() => take(position)}>
            <span class="muted">{command.group}</span> <span class="spring">{command.title}</span>
            {command.shortcut && <kbd>{command.shortcut}</kbd>}
          </div>
        ))}
        {found.length === 0 && <p class="muted" role="presentation">Nothing is called that.</p>}
      </div>
      <footer class="muted">
        <kbd>↑</kbd> <kbd>↓</kbd> choose <kbd>Enter</kbd> do it <kbd>Ctrl+Enter</kbd> run the glyph one is in <kbd>Esc</kbd> leave
      </footer>
    </dialog>
  );
} // prettier-ignore
