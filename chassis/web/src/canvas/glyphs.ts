/** The glyphs on the canvas: each is a signal of its own, kept in the host a moment after it changes. */

import { batch, signal, type Signal } from "@preact/signals";
import { ask, path, reason, Refusal } from "../api/client";
import { barred } from "../api/session";
import type { Glyph, GlyphKind } from "../api/shapes";
import { complain } from "../shell/notices";
import { feeds } from "./meld";
import { beside, GRID, snapped, type Place } from "./place";
import { forget, now, overdue, soon, track, underWay } from "./saving";

const GONE = 404;
/** What the host puts before the id of a glyph, where that is an actor. */
const ACTOR = "glyph:";

export const order = signal<string[]>([]);
export const kinds = signal<GlyphKind[]>([]);
export const loaded = signal(false);

const known = new Map<string, Signal<Glyph>>();
const saver = { save: put, refused };

export function glyph(id: string): Signal<Glyph> | undefined {
  return known.get(id);
}

export function glyphs(): Glyph[] {
  return order.value.flatMap((id) => known.get(id)?.value ?? []);
}

export async function load(): Promise<void> {
  const [canvas, offered] = await Promise.all([
    ask<{ glyphs: Glyph[] }>("GET", "/api/canvas"),
    ask<GlyphKind[]>("GET", "/api/plugins/glyphs"),
  ]);
  batch(() => {
    for (const each of canvas.glyphs) known.set(each.id, signal(each));
    order.value = canvas.glyphs.map((each) => each.id);
    kinds.value = offered;
    loaded.value = true;
  });
}

export async function loadKinds(): Promise<void> {
  kinds.value = await ask<GlyphKind[]>("GET", "/api/plugins/glyphs");
}

/** Placed where there is room, or beside the glyph that feeds it. */
export function place(symbol: string, options: Partial<Glyph> = {}): Glyph {
  const size = symbol === "ix" ? { width: 52 * GRID, height: 30 * GRID } : { width: 60 * GRID, height: 36 * GRID };
  const others = glyphs();
  const source = others.find((each) => each.id === options.fed_by);
  const made: Glyph = {
    id: crypto.randomUUID(),
    symbol,
    title: "",
    content: "",
    timeout_seconds: null,
    fed_by: "",
    ...size,
    ...beside(others, size, source),
    ...options,
  };
  batch(() => {
    known.set(made.id, signal(made));
    order.value = [...order.value, made.id];
  });
  soon(made.id, saver, 0);
  return made;
}

export function change(id: string, changed: Partial<Glyph>): void {
  const kept = known.get(id);
  if (!kept) return;
  const bar = barred("run");
  if (bar) return complain(bar);
  kept.value = { ...kept.value, ...changed };
  soon(id, saver);
}

export function move(id: string, to: Partial<Place>): void {
  change(id, snapped(to));
}

export function meld(source: string, target: string): void {
  if (feeds(glyphs(), target, source)) {
    complain("Those two would feed each other for ever.");
    return;
  }
  change(target, { fed_by: source });
}

export async function remove(id: string): Promise<void> {
  drop(id);
  const removing = underWay(id).then(() => ask<void>("DELETE", path`/api/canvas/${id}`));
  track(id, removing);
  await removing.catch((error: unknown) => {
    if (!(error instanceof Refusal && error.status === GONE)) complain(reason(error));
  });
}

/** At once, because somebody is about to look: a run. */
export async function flush(id: string): Promise<void> {
  await now(id, saver);
}

/** All of them, because a run reaches what is melded too. */
export async function flushDue(): Promise<void> {
  await Promise.all(overdue().map((id) => now(id, saver)));
}

/** A term of an attestation as a person knows it: glyphs by their title. */
export function termName(term: string): string {
  const named = term.startsWith(ACTOR) ? known.get(term.slice(ACTOR.length))?.value : undefined;
  return named ? `glyph “${named.title || named.symbol}”` : term;
}

/** The page goes away: what is not saved yet outlives it. */
export function flushAll(): void {
  const headers = { "Content-Type": "application/json" };
  for (const id of overdue()) {
    forget(id);
    const { id: _, ...body } = known.get(id)!.value;
    void fetch(path`/api/canvas/${id}`, { method: "PUT", headers, body: JSON.stringify(body), keepalive: true });
  }
}

async function put(id: string): Promise<void> {
  const kept = known.get(id);
  if (!kept) return;
  const { id: _, ...body } = kept.value;
  await ask("PUT", path`/api/canvas/${id}`, body);
}

function refused(id: string, error: Refusal): void {
  complain(`Not kept: ${error.message}`);
  if (error.status === GONE) drop(id);
}

function drop(id: string): void {
  forget(id);
  batch(() => {
    order.value = order.value.filter((each) => each !== id);
    known.delete(id);
    for (const each of glyphs()) if (each.fed_by === id) change(each.id, { fed_by: "" });
  });
}
