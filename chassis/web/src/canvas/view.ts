/** What of the canvas is in sight: how large, and where. Kept by the browser, not by the host. */

import { effect, signal } from "@preact/signals";
import { glyphs } from "./glyphs";
import { bounded, fitted, kept, stepped, type Point } from "./zoom";

const KEY = "qntx.zoom";
const ADDERS_PX = 56;

export const zoom = signal(bounded(Number(localStorage.getItem(KEY)) || 1));
effect(() => localStorage.setItem(KEY, String(zoom.value)));

let box: HTMLElement | null = null;

/** The element that scrolls. */
export function shownIn(element: HTMLElement | null): void {
  box = element;
}

/** About the point, which is seen from the corner of the box; its middle where none is named. */
export function zoomTo(after: number, point?: Point): void {
  const before = zoom.value;
  if (!box || after === before) return;
  const about = point ?? { x: box.clientWidth / 2, y: box.clientHeight / 2 };
  const to = kept({ x: box.scrollLeft, y: box.scrollTop }, about, before, after);
  zoom.value = after;
  scrollTo(to);
}

export function zoomBy(direction: 1 | -1): void {
  zoomTo(stepped(zoom.value, direction));
}

export function fit(): void {
  if (!box) return;
  const found = fitted(glyphs(), { width: box.clientWidth, height: box.clientHeight - ADDERS_PX });
  zoom.value = found.zoom;
  scrollTo(found.scroll);
}

export function pan(from: Point, dx: number, dy: number): void {
  scrollTo({ x: from.x - dx, y: from.y - dy });
}

export function scrolled(): Point {
  return { x: box?.scrollLeft ?? 0, y: box?.scrollTop ?? 0 };
}

function scrollTo({ x, y }: Point): void {
  // After the canvas has its new size: a browser cannot scroll beyond it.
  requestAnimationFrame(() => box?.scrollTo(x, y));
}
