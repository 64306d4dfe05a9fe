/** What every glyph has around it: its name, its handles to move, resize and meld it, and the way out. */

import type { ComponentChildren } from "preact";
import { may } from "../api/session";
import type { Glyph } from "../api/shapes";
import { IconButton } from "../ui/button";
import { Icon } from "../ui/icons";
import { drag } from "./drag";
import { change, glyph as known, keepMine, move, newer, remove, takeTheirs } from "./glyphs";
import { MeldPort } from "./meld-port";
import { GRID } from "./place";
import { zoom } from "./view";

interface GlyphFrameProps {
  glyph: Glyph;
  actions: ComponentChildren;
  state: string;
  children: ComponentChildren;
}

const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function GlyphFrame({ glyph, actions, state, children }: GlyphFrameProps) {
  const { id, x, y, width, height, symbol, title } = glyph;
  const name = title || symbol;
  const source = glyph.fed_by ? known(glyph.fed_by)?.value : undefined;
  const dragged = (event: PointerEvent) => {
    if ((event.target as Element).closest("button:not(.grip), input") || !may("run")) return;
    const scale = zoom.value;
    drag(event, { moved: (dx, dy) => move(id, { x: x + dx / scale, y: y + dy / scale }) });
  };
  const resized = (event: PointerEvent) => {
    event.preventDefault();
    const scale = zoom.value;
    drag(event, { moved: (dx, dy) => move(id, { width: width + dx / scale, height: height + dy / scale }) });
  };
  const stepped = (event: KeyboardEvent, by: (dx: number, dy: number) => void) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    by(step[0] * GRID * 2, step[1] * GRID * 2);
  };
  // What was pressed goes with what it did; the focus stays in the glyph.
  const here = (act: () => void) => (event: MouseEvent) => {
    const glyph = (event.currentTarget as Element).closest<HTMLElement>(".glyph");
    act();
    glyph?.focus();
  };
  const leave = () => {
    document.querySelector<HTMLElement>(".canvas")?.focus({ preventScroll: true });
    void remove(id);
  };
  return (
    <article class={`glyph ${state}`} tabIndex={-1} data-glyph={id} data-kind={symbol} aria-label={`${name} glyph`}
      style={{ left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` }}>
      <header onPointerDown={dragged}>
        <button type="button" class="grip" aria-label={`Move ${name}`} title="Drag, or use the arrow keys"
          onKeyDown={(event) => stepped(event, (dx, dy) => move(id, { x: x + dx, y: y + dy }))}>
          <Icon name="grip" />
        </button>
        <span class="kind" data-kind={symbol}>{symbol}</span>
        <input class="title" value={title} placeholder="untitled" aria-label={`Title of ${name}`} spellcheck={false} readOnly={!may("run")}
          onInput={(event) => change(id, { title: event.currentTarget.value })}
          onChange={(event) => change(id, { title: event.currentTarget.value.trim() })}
          onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()} />
        <span class="actions">{actions}</span>
        <IconButton icon="close" label={`Remove ${name}`} needs="run" onClick={leave} />
      </header>
      {newer.value.has(id) && (
        <p class="newer" role="alert">
          <span>This text was changed in another window while it was changed here. Yours is not saved.</span>
          <button type="button" class="link" onClick={here(() => takeTheirs(id))}>Take the other</button>
          <button type="button" class="link" onClick={here(() => keepMine(id))}>Keep mine</button>
        </p>
      )}
      {source && (
        <p class="fed-by">
          <Icon name="meld" /> <span>upstream is what <b>{source.title || source.symbol}</b> attests, or else answers</span>
          <button type="button" class="link" onClick={here(() => change(id, { fed_by: "" }))}>unmeld</button>
        </p>
      )}
      <div class="glyph-body">{children}</div>
      <MeldPort glyph={glyph} />
      <button type="button" class="resize" aria-label={`Resize ${name}`} title="Drag, or use the arrow keys" onPointerDown={resized}
        onKeyDown={(event) => stepped(event, (dx, dy) => move(id, { width: width + dx, height: height + dy }))}>
        <Icon name="resize" />
      </button>
    </article>
  );
} // prettier-ignore
