/** The field for an `ix` line, with what could be meant under it. */

import { useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import { may } from "../api/session";
import type { Script } from "../api/shapes";
import { examples, suggestions } from "./line";

interface LineFieldProps {
  line: string;
  scripts: Script[];
  changed: (line: string) => void;
  run: () => void;
}

export function LineField({ line, scripts, changed, run }: LineFieldProps) {
  const open = useSignal(false);
  const at = useSignal(-1);
  const list = useId();
  const field = useRef<HTMLInputElement>(null);
  const offered = open.value ? suggestions(scripts, line) : [];
  const take = (position: number) => {
    const chosen = offered[position];
    if (!chosen || chosen.type.includes("…")) return;
    changed(`${chosen.type} `);
    open.value = false;
    at.value = -1;
    field.current?.focus();
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      open.value = true;
      const step = event.key === "ArrowDown" ? 1 : -1;
      at.value = offered.length ? (at.value + step + offered.length) % offered.length : -1;
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (at.value >= 0) return take(at.value);
      open.value = false;
      run();
    } else if (event.key === "Tab" && offered.length === 1 && line.trim()) {
      event.preventDefault();
      take(0);
    } else if (event.key === "Escape") {
      open.value = false;
      at.value = -1;
    }
  };
  return (
    <div class="ix-line">
      <span aria-hidden="true">ix</span>
      <input ref={field} value={line} readOnly={!may("run")} placeholder={examples(scripts).slice(3)} spellcheck={false} autocomplete="off"
        role="combobox" aria-label="What to ingest" aria-expanded={offered.length > 0} aria-controls={list} aria-autocomplete="list"
        aria-activedescendant={at.value >= 0 ? `${list}-${at.value}` : undefined}
        onFocus={() => (open.value = true)} onBlur={() => (open.value = false)}
        onInput={(event) => {
          changed(event.currentTarget.value);
          open.value = true;
          at.value = -1;
        }} onKeyDown={pressed} />
      <div class="menu suggestions" role="listbox" id={list} aria-label="Types" hidden={offered.length === 0}>
        {offered.map(({ type, about }, position) => (
          <div key={type} id={`${list}-${position}`} role="option" aria-selected={at.value === position}
            onPointerDown={(event) => {
              event.preventDefault();
              take(position);
            }}>
            <b>{type}</b> <span class="muted">{about}</span>
          </div>
        ))}
      </div>
    </div>
  );
} // prettier-ignore
