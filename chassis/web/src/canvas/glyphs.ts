/** The glyphs on the canvas: each is a signal of its own, kept in the host a moment after it changes. */

import { batch, signal, type Signal } from "@preact/signals";
import { ask, path, reason } from "../api/client";
import type { Glyph, GlyphKind } from "../api/shapes";
import { complain } from "../shell/notices";
import { feeds } from "./meld";
import { beside, GRID, snapped, type Place } from "./place";

const SAVE_AFTER_MS = 400;

export const order = signal<string[]>([]);
export const kinds = signal<GlyphKind[]>([]);
export const loaded = signal(false);

const known = new Map<string, Signal<Glyph>>();
const unsaved = new Map<string, number>();

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
  save(made.id);
  return made;
}

export function change(id: string, changed: Partial<Glyph>): void {
  const kept = known.get(id);
  if (!kept) return;
  kept.value = { ...kept.value, ...changed };
  save(id);
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
  window.clearTimeout(unsaved.get(id));
  unsaved.delete(id);
  batch(() => {
    order.value = order.value.filter((each) => each !== id);
    known.delete(id);
    for (const each of glyphs()) if (each.fed_by === id) change(each.id, { fed_by: "" });
  });
  await ask("DELETE", path`/api/canvas/${id}`).catch((error: unknown) => complain(reason(error)));
}

/** At once, because somebody is about to look: a run, or the page going away. */
export async function flush(id: string): Promise<void> {
  window.clearTimeout(unsaved.get(id));
  unsaved.delete(id);
  const kept = known.get(id);
  if (!kept) return;
  const { id: _, ...body } = kept.value;
  await ask("PUT", path`/api/canvas/${id}`, body);
}

export function flushAll(): void {
  for (const id of [...unsaved.keys()]) {
    const { id: _, ...body } = known.get(id)!.value;
    const headers = { "Content-Type": "application/json" };
    void fetch(path`/api/canvas/${id}`, { method: "PUT", headers, body: JSON.stringify(body), keepalive: true });
  }
  unsaved.clear();
}

function save(id: string): void {
  window.clearTimeout(unsaved.get(id));
  const later = window.setTimeout(() => {
    flush(id).catch((error: unknown) => complain(`Not kept: ${reason(error)}`));
  }, SAVE_AFTER_MS);
  unsaved.set(id, later);
}
