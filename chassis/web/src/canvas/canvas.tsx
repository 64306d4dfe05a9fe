/** The canvas: a plane on which glyphs lie, and the lines between those that are melded. */

import type { Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { barred, may } from "../api/session";
import type { Glyph, GlyphKind } from "../api/shapes";
import { IxGlyph } from "../ix/ix-glyph";
import { PythonGlyph } from "../python/python-glyph";
import { Button, IconButton } from "../ui/button";
import { Empty } from "../ui/empty";
import { drag } from "./drag";
import { flushAll, glyph, glyphs, kinds, loaded, newer, order } from "./glyphs";
import { curve } from "./meld";
import { drawn } from "./meld-port";
import { extent } from "./place";
import { placed } from "./placed";
import { keeping, unkept } from "./saving";
import { fit, pan, scrolled, shownIn, zoom, zoomBy, zoomTo } from "./view";
import { wheeled } from "./zoom";

const ROOM = 320;

export function Canvas() {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    window.addEventListener("pagehide", flushAll);
    window.addEventListener("beforeunload", leaving);
    return () => {
      window.removeEventListener("pagehide", flushAll);
      window.removeEventListener("beforeunload", leaving);
    };
  }, []);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    shownIn(element);
    // Not passive: the browser would zoom the whole page.
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      element.removeEventListener("wheel", wheel);
      shownIn(null);
    };
  }, [loaded.value]);
  if (!loaded.value) return <p class="canvas-note muted loading">Loading…</p>;
  return (
    <div class={`canvas-room ${may("run") ? "" : "looking"}`} data-keeping={keeping.value}>
      <div class="canvas" ref={box} tabIndex={0} role="region" aria-label="Canvas" onPointerDown={grabbed} onKeyDown={pressed}>
        <h1 class="sr">Canvas</h1>
        {order.value.length === 0 && <Welcome />}
        <Plane />
      </div>
      <div class="canvas-foot">
        <Keeping />
        <Adders />
        <Zoom />
      </div>
    </div>
  );
} // prettier-ignore

function Plane() {
  const size = extent(glyphs());
  const [width, height] = [size.width + ROOM, size.height + ROOM];
  const scale = zoom.value;
  return (
    <div class="space" style={{ minWidth: `${width * scale}px`, minHeight: `${height * scale}px` }}>
      <div class="plane" style={{ width: `${width}px`, height: `${height}px`, transform: scale === 1 ? "none" : `scale(${scale})` }}>
        <Melds />
        {order.value.map((id) => <Placed key={id} glyph={glyph(id)!} />)}
      </div>
    </div>
  );
} // prettier-ignore

/** Reads its own signal, so that moving one draws one. */
function Placed({ glyph }: { glyph: Signal<Glyph> }) {
  const now = glyph.value;
  return now.symbol === "ix" ? <IxGlyph glyph={now} /> : <PythonGlyph glyph={now} />;
}

function Melds() {
  const all = glyphs();
  const line = drawn.value;
  const source = line && glyph(line.source)?.value;
  return (
    <svg class="melds" aria-hidden="true">
      {all.map((each) => {
        const from = each.fed_by ? glyph(each.fed_by)?.value : undefined;
        return from && <path key={each.id} d={curve(from, each)} />;
      })}
      {line && source && <path class="drawn" d={curve(source, { x: line.x, y: line.y - 20, width: 0, height: 0 })} />}
    </svg>
  );
}

/** What could not be saved yet would be lost. */
function leaving(event: BeforeUnloadEvent): void {
  if (newer.value.size > 0 || keeping.value === "failed") event.preventDefault();
}

function placeable(): Pick<GlyphKind, "symbol" | "title">[] {
  return [...kinds.value, { symbol: "ix", title: "Ingest a file or an address" }];
}

function Welcome() {
  return (
    <Empty icon="canvas" title="Nothing here yet">
      <p>Place a glyph, write a few lines of Python in it, and run it with Ctrl-Enter.</p>
      <p>
        {placeable().map(({ symbol, title }) => (
          <Button key={symbol} icon="plus" needs="run" onClick={() => placed(symbol)}><span class="kind" data-kind={symbol}>{symbol}</span><span class="muted">{title}</span></Button>
        ))}
      </p>
      {kinds.value.length === 0 && <p class="muted">No plugin is running: look under Plugins for why.</p>}
    </Empty>
  );
} // prettier-ignore

function Adders() {
  const bar = barred("run");
  return (
    <div class="adders" role="toolbar" aria-label="Place a glyph">
      {placeable().map(({ symbol, title }) => (
        <button key={symbol} type="button" title={bar || title} aria-disabled={bar !== ""} onClick={() => placed(symbol)}>+ {symbol}</button>
      ))}
    </div>
  );
} // prettier-ignore

/** Whether the host has what is on the canvas. */
function Keeping() {
  const now = newer.value.size > 0 ? "failed" : keeping.value;
  if (!may("run")) return <p class="keeping">You may look, not change</p>;
  const words = { saved: "Saved", saving: "Saving…", failed: "Not saved" };
  return <p class={`keeping ${now}`} role={now === "failed" ? "alert" : undefined} title={unkept.value || (now === "failed" ? "A text was changed in another window too: choose which one stays." : undefined)}>{words[now]}</p>;
} // prettier-ignore

function Zoom() {
  const percent = `${Math.round(zoom.value * 100)} %`;
  return (
    <div class="zoom" role="toolbar" aria-label="Zoom">
      <IconButton icon="minus" label="Zoom out" shortcut="-" onClick={() => zoomBy(-1)} />
      <button type="button" class="percent" title="Back to 100 % (0)" aria-label={`Zoom ${percent}; back to 100 %`} onClick={() => zoomTo(1)}>{percent}</button>
      <IconButton icon="plus" label="Zoom in" shortcut="+" onClick={() => zoomBy(1)} />
      <IconButton icon="fit" label="Show all glyphs" shortcut="F" onClick={fit} />
    </div>
  );
} // prettier-ignore

function wheel(event: WheelEvent): void {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const corner = (event.currentTarget as Element).getBoundingClientRect();
  zoomTo(wheeled(zoom.value, event.deltaY), { x: event.clientX - corner.left, y: event.clientY - corner.top });
}

/** The ground is dragged with the pointer; what lies on it is not. */
function grabbed(event: PointerEvent): void {
  const ground = event.target instanceof Element && !event.target.closest(".glyph, button, a") && event.pointerType === "mouse";
  if (!ground) return;
  const from = scrolled();
  drag(event, { moved: (dx, dy) => pan(from, dx, dy) });
}

const KEYS: Record<string, () => void> = { "+": () => zoomBy(1), "=": () => zoomBy(1), "-": () => zoomBy(-1), 0: () => zoomTo(1), f: fit };

/** Letters are for whoever writes; elsewhere on the canvas they zoom. */
function pressed(event: KeyboardEvent): void {
  const writing = event.target instanceof Element && event.target.closest("input, select, textarea, [contenteditable]");
  const act = KEYS[event.key];
  if (!act || writing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
}
