/** Where a glyph is melded to the next: dragged onto it, or chosen from a list. */

import { signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Glyph } from "../api/shapes";
import { Icon } from "../ui/icons";
import { drag } from "./drag";
import { glyphs, kinds, meld } from "./glyphs";
import { feeds } from "./meld";
import { placed } from "./placed";
import { zoom } from "./view";

/** The line that is being drawn, while it is. */
export const drawn = signal<{ source: string; x: number; y: number } | null>(null);

export function MeldPort({ glyph }: { glyph: Glyph }) {
  const open = useSignal(false);
  const port = useRef<HTMLButtonElement>(null);
  const name = glyph.title || glyph.symbol;
  const pressed = (event: PointerEvent) => {
    event.preventDefault();
    const canvas = (event.target as Element).closest(".plane")!.getBoundingClientRect();
    drag(event, {
      moved: (_dx, _dy, at) => (drawn.value = { source: glyph.id, x: (at.clientX - canvas.left) / zoom.value, y: (at.clientY - canvas.top) / zoom.value }),
      ended: (at, moved) => {
        drawn.value = null;
        if (!moved) return;
        const target = document.elementFromPoint(at.clientX, at.clientY)?.closest<HTMLElement>("[data-glyph]");
        const id = target?.dataset.glyph;
        if (id && id !== glyph.id && target.dataset.kind !== "ix") meld(glyph.id, id);
      },
    });
  };
  return (
    <>
      <button ref={port} type="button" class="port" aria-label={`Meld ${name} to another glyph`} aria-expanded={open.value}
        title="Drag to another glyph, or press to choose: it runs with what this one attests, or else answers, as upstream"
        onPointerDown={pressed} onClick={() => (open.value = !open.value)}>
        <Icon name="meld" />
      </button>
      {open.value && <Targets glyph={glyph} close={() => (open.value = false)} back={() => port.current?.focus()} />}
    </>
  );
} // prettier-ignore

function Targets({ glyph, close, back }: { glyph: Glyph; close: () => void; back: () => void }) {
  const menu = useRef<HTMLDivElement>(null);
  const all = glyphs();
  const others = all.filter((each) => each.id !== glyph.id && each.symbol !== "ix" && !feeds(all, each.id, glyph.id));
  useLayoutEffect(() => {
    menu.current?.querySelector("button")?.focus();
  }, []);
  const left = (event: FocusEvent) => {
    if (!menu.current?.contains(event.relatedTarget as Node | null)) close();
  };
  // The menu goes, and the focus with it, unless it goes to a new glyph.
  const choose = (act: () => unknown) => () => {
    back();
    close();
    act();
  };
  return (
    <div class="menu meld-menu" role="group" aria-label="Feed the answer to" ref={menu} onFocusOut={left}
      onKeyDown={(event) => event.key === "Escape" && choose(() => undefined)()}>
      <p class="muted">Feed the answer to</p>
      {others.map((each) => (
        <button key={each.id} type="button" onClick={choose(() => meld(glyph.id, each.id))}>
          <span class="kind" data-kind={each.symbol}>{each.symbol}</span> {each.title || "untitled"}
        </button>
      ))}
      {kinds.value.map(({ symbol }) => (
        <button key={symbol} type="button" onClick={choose(() => placed(symbol, { fed_by: glyph.id }))}>
          <Icon name="plus" /> new {symbol}
        </button>
      ))}
    </div>
  );
} // prettier-ignore
