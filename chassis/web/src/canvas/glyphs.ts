/** The glyphs on the canvas: each is a signal of its own, kept in the host a moment after it changes. */

import { batch, signal, type Signal } from "@preact/signals";
import { ask, path, reason, Refusal } from "../api/client";
import { barred } from "../api/session";
import type { Glyph, GlyphKind, KeptGlyph } from "../api/shapes";
import { complain, say } from "../shell/notices";
import { feeds } from "./meld";
import { merged, same } from "./merge";
import { beside, GRID, snapped, type Place } from "./place";
import { forget, inTurn, now, overdue, soon, track } from "./saving";

const GONE = 404;
const CHANGED = 409;
/** What the host puts before the id of a glyph, where that is an actor. */
const ACTOR = "glyph:";
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

export const order = signal<string[]>([]);
export const kinds = signal<GlyphKind[]>([]);
export const loaded = signal(false);

/** Texts that somebody else wrote while one wrote here: both are kept until one is chosen. */
export const newer = signal<ReadonlyMap<string, string>>(new Map());

const known = new Map<string, Signal<Glyph>>();
/** Each as the host has it, as far as is known. */
const kept = new Map<string, KeptGlyph>();
/** What each last answered, as the host keeps it and as far as is known here: for one that is brought back. */
export const answers = new Map<string, unknown>();
/** Taken away here: what is told of them later is of before. */
const removed = new Set<string>();
const saver = { save: put, refused };

export function glyph(id: string): Signal<Glyph> | undefined {
  return known.get(id);
}

export function glyphs(): Glyph[] {
  return order.value.flatMap((id) => known.get(id)?.value ?? []);
}

export async function load(): Promise<void> {
  const [canvas, offered] = await Promise.all([
    all(),
    ask<GlyphKind[]>("GET", "/api/plugins/glyphs"),
  ]);
  batch(() => {
    for (const each of canvas) adopt(each);
    kinds.value = offered;
    loaded.value = true;
  });
}

/** Every glyph as the host has it. */
export async function all(): Promise<KeptGlyph[]> {
  return (await ask<{ glyphs: KeptGlyph[] }>("GET", "/api/canvas")).glyphs;
}

export async function loadKinds(): Promise<void> {
  kinds.value = await ask<GlyphKind[]>("GET", "/api/plugins/glyphs");
}

/** Placed where there is room, or beside the glyph that feeds it. */
export function place(symbol: string, options: Partial<Glyph> = {}): Glyph {
  const size = symbol === "ix" ? { width: 56 * GRID, height: 36 * GRID } : { width: 60 * GRID, height: 36 * GRID };
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
  const shown = known.get(id);
  if (!shown) return;
  const bar = barred("run");
  if (bar) return complain(bar);
  shown.value = { ...shown.value, ...changed };
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
  const taken = known.get(id)?.value;
  const undo = taken?.content ? again(taken, "Undo") : undefined;
  removed.add(id);
  drop(id);
  if (taken && undo) say(`${named(taken)} is removed.`, undo);
  const removing = inTurn(id, () => ask<void>("DELETE", path`/api/canvas/${id}`));
  track(id, removing);
  await removing.catch((error: unknown) => {
    if (!(error instanceof Refusal && error.status === GONE)) complain(reason(error));
  });
}

/** Whether the host has that very version already, as far as is known here. */
export function upToDate(id: string, version: string): boolean {
  return kept.get(id)?.version === version;
}

/** Which glyphs the host had, when it was last heard of them. */
export function keptIds(): string[] {
  return [...kept.keys()];
}

/** As the host has it now, beside what was changed here meanwhile; unless that version is what is here. */
export function look(id: string, version = ""): Promise<void> {
  return inTurn(id, async () => {
    if (version && upToDate(id, version)) return;
    try {
      if (adopt(await ask<KeptGlyph>("GET", path`/api/canvas/${id}`))) soon(id, saver);
    } catch (error) {
      if (!(error instanceof Refusal && error.status === GONE)) throw error;
      gone(id);
    }
  });
}

/** It was removed elsewhere. */
export function gone(id: string): void {
  const lost = known.get(id)?.value;
  if (!lost || !kept.has(id)) return;
  const back = lost.content ? again(lost, "Bring it back") : undefined;
  drop(id);
  say(`${named(lost)} was removed in another window.`, back);
}

/** Of two texts, the other one. */
export function takeTheirs(id: string): void {
  const content = newer.value.get(id);
  chosen(id);
  if (content !== undefined) change(id, { content });
}

/** Of two texts, the one that is here. */
export function keepMine(id: string): void {
  chosen(id);
  change(id, {});
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
  const id = term.startsWith(ACTOR) ? term.slice(ACTOR.length) : "";
  const there = known.get(id)?.value;
  if (there) return `glyph “${there.title || there.symbol}”`;
  return UUID.test(id) ? `glyph ${id.slice(0, 8)}` : term;
}

/** The page goes away: what is not saved yet outlives it. */
export function flushAll(): void {
  const headers = { "Content-Type": "application/json" };
  for (const id of overdue()) {
    forget(id);
    void fetch(path`/api/canvas/${id}`, { method: "PUT", headers, body: JSON.stringify(written(id)), keepalive: true });
  }
}

async function put(id: string): Promise<void> {
  while (known.has(id)) {
    try {
      const saved = await ask<KeptGlyph>("PUT", path`/api/canvas/${id}`, written(id));
      if (known.has(id)) kept.set(id, saved);
      return;
    } catch (error) {
      if (!(error instanceof Refusal && error.status === CHANGED)) throw error;
    }
    // Somebody else was first: theirs, beside what was changed here.
    if (!adopt(await ask<KeptGlyph>("GET", path`/api/canvas/${id}`))) return;
  }
}

/** What the host is sent of it. Where two texts are to be chosen from, the one that it has stays. */
function written(id: string): Omit<KeptGlyph, "id"> {
  const { id: _, ...glyph } = known.get(id)!.value;
  const content = newer.value.get(id) ?? glyph.content;
  return { ...glyph, content, version: kept.get(id)?.version ?? "" };
}

/** Returns whether something that was changed here is to be saved over it. */
function adopt(theirs: KeptGlyph): boolean {
  const { version: _, ...glyph } = theirs;
  const { id } = glyph;
  if (removed.has(id)) return false;
  const mine = known.get(id);
  const base = kept.get(id) ?? theirs;
  kept.set(id, theirs);
  if (!mine) {
    known.set(id, signal(glyph));
    order.value = [...order.value, id];
    return false;
  }
  const met = merged(base, mine.value, glyph, newer.value.has(id));
  if (met.torn) newer.value = new Map(newer.value).set(id, glyph.content);
  else chosen(id);
  if (!same(met.glyph, mine.value)) mine.value = met.glyph;
  return !same(met.torn ? { ...met.glyph, content: glyph.content } : met.glyph, glyph);
}

function refused(id: string, error: Refusal): void {
  const lost = known.get(id)?.value;
  complain(`Not kept: ${error.message}`, error.status === GONE && lost?.content ? again(lost, "Bring it back") : undefined);
  if (error.status === GONE) drop(id);
}

/** What it fed is fed by nothing, as the host has it too. */
function drop(id: string): void {
  forget(id);
  batch(() => {
    order.value = order.value.filter((each) => each !== id);
    known.delete(id);
    kept.delete(id);
    chosen(id);
    for (const each of glyphs()) if (each.fed_by === id) known.get(each.id)!.value = { ...each, fed_by: "" };
  });
}

function chosen(id: string): void {
  if (!newer.value.has(id)) return;
  const rest = new Map(newer.value);
  rest.delete(id);
  newer.value = rest;
}

function named({ title, symbol }: Glyph): string {
  return title ? `“${title}”` : `The ${symbol} glyph`;
}

/**
 * Places it again, as another: one that was removed stays removed. It has its last answer, is fed by what fed it, and
 * feeds what it fed, as far as those are still there. To be asked for while it is there.
 */
function again({ id, fed_by, ...rest }: Glyph, label: string) {
  const fed = glyphs().filter((each) => each.fed_by === id);
  const answer = answers.get(id);
  const act = () => {
    const { id: now } = place(rest.symbol, { ...rest, fed_by: known.has(fed_by) ? fed_by : "" });
    for (const each of fed) {
      if (known.get(each.id)?.value.fed_by === "" && !feeds(glyphs(), each.id, now)) change(each.id, { fed_by: now });
    }
    if (answer !== undefined) void restore(now, answer);
  };
  return { label, act };
}

async function restore(id: string, answer: unknown): Promise<void> {
  answers.set(id, answer);
  await flush(id);
  await ask("PUT", path`/api/canvas/${id}/result`, { result: answer }).catch((error: unknown) => complain(reason(error)));
}
