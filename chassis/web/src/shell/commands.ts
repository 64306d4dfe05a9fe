/** What can be done by name: the command palette's list. */

import { reveal } from "../canvas/reveal";
import { glyphs, kinds } from "../canvas/glyphs";
import { leave, session } from "../api/session";
import { placed } from "../canvas/placed";
import { run, start, stop } from "../python/run";
import type { Command } from "./matching";
import { fit, zoomBy, zoomTo } from "../canvas/view";
import { go, SECTIONS } from "./route";
import { toggleTheme } from "./theme";

export function commands(): Command[] {
  const create = (symbol: string) => () => {
    go("canvas");
    placed(symbol);
  };
  const there = (id: string) => () => {
    go("canvas");
    reveal(id);
  };
  const python = glyphs().filter((glyph) => glyph.symbol !== "ix");
  return [
    ...SECTIONS.map(({ name, title }, position) => ({ title, group: "Go to", shortcut: `Alt+${position + 1}`, run: () => go(name) })),
    ...[...kinds.value.map(({ symbol }) => symbol), "ix"].map((symbol) => ({ title: `New ${symbol} glyph`, group: "Place", run: create(symbol) })),
    ...python.filter((glyph) => run(glyph.id).value.state === "running").map((glyph) => ({
      title: `Stop ${glyph.title || glyph.symbol}`, group: "Run", run: () => void stop(glyph.id),
    })),
    ...python.filter((glyph) => glyph.content).map((glyph) => ({
      title: `Run ${glyph.title || glyph.symbol}: ${firstLine(glyph.content)}`, group: "Run", run: () => void start(glyph.id),
    })),
    ...glyphs().map((glyph) => ({ title: `${glyph.title || glyph.symbol}: ${firstLine(glyph.content)}`, group: "Show", run: there(glyph.id) })),
    { title: "Zoom in", group: "Page", shortcut: "+", run: onCanvas(() => zoomBy(1)) },
    { title: "Zoom out", group: "Page", shortcut: "-", run: onCanvas(() => zoomBy(-1)) },
    { title: "Zoom to 100 %", group: "Page", shortcut: "0", run: onCanvas(() => zoomTo(1)) },
    { title: "Show all glyphs", group: "Page", shortcut: "F", run: onCanvas(fit) },
    { title: "Dark or light", group: "Page", run: toggleTheme },
    ...(session.value?.needed ? [{ title: "Log out", group: "Page", run: () => void leave() }] : []),
  ]; // prettier-ignore
}

function onCanvas(act: () => void): () => void {
  return () => {
    go("canvas");
    act();
  };
}

function firstLine(content: string): string {
  return content.trim().split("\n")[0]?.slice(0, 60) || "empty";
}
