/** The canvas: a plane on which glyphs lie, and the lines between those that are melded. */

import type { Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Glyph } from "../api/shapes";
import { IxGlyph } from "../ix/ix-glyph";
import { PythonGlyph } from "../python/python-glyph";
import { Button } from "../ui/button";
import { Empty } from "../ui/empty";
import { flushAll, glyph, glyphs, kinds, loaded, order, place } from "./glyphs";
import { curve } from "./meld";
import { drawn } from "./meld-port";
import { extent } from "./place";
import { reveal } from "./reveal";

const ROOM = 320;

export function Canvas() {
  useEffect(() => {
    window.addEventListener("pagehide", flushAll);
    return () => window.removeEventListener("pagehide", flushAll);
  }, []);
  if (!loaded.value) return <p class="canvas-note muted">Loading…</p>;
  return (
    <div class="canvas">
      <h1 class="sr">Canvas</h1>
      {order.value.length === 0 && <Welcome />}
      <Plane />
      <Adders />
    </div>
  );
}

function Plane() {
  const size = extent(glyphs());
  return (
    <div class="plane" style={{ minWidth: `${size.width + ROOM}px`, minHeight: `${size.height + ROOM}px` }}>
      <Melds />
      {order.value.map((id) => <Placed key={id} glyph={glyph(id)!} />)}
    </div>
  );
}

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

function Welcome() {
  return (
    <Empty icon="canvas" title="Nothing here yet">
      <p>Place a glyph, write a few lines of Python in it, and run it with Ctrl-Enter.</p>
      <p>
        {kinds.value.map(({ symbol, title }) => (
          <Button key={symbol} icon="plus" onClick={() => reveal(place(symbol).id)}>{symbol}<span class="muted">{title}</span></Button>
        ))}
      </p>
      {kinds.value.length === 0 && <p class="muted">No plugin is running: look under Plugins for why.</p>}
    </Empty>
  );
} // prettier-ignore

function Adders() {
  return (
    <div class="adders" role="toolbar" aria-label="Place a glyph">
      {[...kinds.value.map(({ symbol, title }) => ({ symbol, title })), { symbol: "ix", title: "Ingest: run a script on a file or address" }].map(
        ({ symbol, title }) => (
          <button key={symbol} type="button" title={title} onClick={() => reveal(place(symbol).id)}>+ {symbol}</button>
        ),
      )}
    </div>
  );
} // prettier-ignore
