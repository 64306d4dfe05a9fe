/** What can be done by name: the command palette's list. */

import { reveal } from "../canvas/reveal";
import { glyphs, kinds, place } from "../canvas/glyphs";
import { run, start, stop } from "../python/run";
import { go, SECTIONS } from "./route";
import { toggleTheme } from "./theme";

export interface Command {
  title: string;
  group: string;
  shortcut?: string;
  run: () => void;
}

export function commands(): Command[] {
  const create = (symbol: string) => () => {
    go("canvas");
    reveal(place(symbol).id);
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
    ...python.filter((glyph) => glyph.content && !glyph.fed_by).map((glyph) => ({
      title: `Run ${glyph.title || glyph.symbol}: ${firstLine(glyph.content)}`, group: "Run", run: () => void start(glyph.id),
    })),
    ...glyphs().map((glyph) => ({ title: `${glyph.title || glyph.symbol}: ${firstLine(glyph.content)}`, group: "Show", run: there(glyph.id) })),
    { title: "Dark or light", group: "Page", run: toggleTheme },
  ]; // prettier-ignore
}

/** Those that have all the typed letters in order; those that begin with them first. */
export function matching(all: Command[], typed: string): Command[] {
  const letters = typed.trim().toLowerCase();
  const rank = (command: Command) => {
    const title = command.title.toLowerCase();
    if (!letters || title.startsWith(letters)) return 0;
    if (title.includes(letters)) return 1;
    return inOrder(`${command.group} ${title}`.toLowerCase(), letters) ? 2 : -1;
  };
  return all
    .map((command) => ({ command, rank: rank(command) }))
    .filter((each) => each.rank >= 0)
    .sort((one, other) => one.rank - other.rank)
    .map((each) => each.command);
}

function inOrder(text: string, letters: string): boolean {
  let at = 0;
  for (const letter of text) if (letter === letters[at]) at += 1;
  return at === letters.length;
}

function firstLine(content: string): string {
  return content.trim().split("\n")[0]?.slice(0, 60) || "empty";
}
