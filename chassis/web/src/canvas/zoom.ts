/** How large the canvas is shown. Pure. */

export const ZOOM_MIN = 0.1;
export const ZOOM_MAX = 2;
const STEPS = [0.1, 0.17, 0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2];
const MARGIN = 24;
const NEAR = 0.001;
/** Of a wheel's turn: a notch is about a tenth. */
const WHEEL = 0.001;

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export function bounded(zoom: number): number {
  return Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, zoom));
}

/** The next step up or down. */
export function stepped(zoom: number, direction: 1 | -1): number {
  const found = direction > 0 ? STEPS.find((step) => step > zoom + NEAR) : STEPS.findLast((step) => step < zoom - NEAR);
  return found ?? bounded(zoom);
}

export function wheeled(zoom: number, delta: number): number {
  return bounded(zoom * Math.exp(-delta * WHEEL));
}

/** Where to scroll so that what lies under the point stays there; the point is seen from the canvas's corner. */
export function kept(scroll: Point, point: Point, before: number, after: number): Point {
  const to = (at: number, under: number) => ((at + under) / before) * after - under;
  return { x: to(scroll.x, point.x), y: to(scroll.y, point.y) };
}

/** The zoom, never above 1, at which all of it is in sight, and where to scroll then. */
export function fitted(places: (Point & Size)[], window: Size): { zoom: number; scroll: Point } {
  if (places.length === 0) return { zoom: 1, scroll: { x: 0, y: 0 } };
  const left = Math.min(...places.map((each) => each.x));
  const top = Math.min(...places.map((each) => each.y));
  const width = Math.max(...places.map((each) => each.x + each.width)) - left;
  const height = Math.max(...places.map((each) => each.y + each.height)) - top;
  const room = { width: window.width - 2 * MARGIN, height: window.height - 2 * MARGIN };
  const zoom = bounded(Math.min(1, room.width / width, room.height / height));
  const at = (start: number, length: number, space: number) => Math.max(0, (start + length / 2) * zoom - space / 2);
  return { zoom, scroll: { x: at(left, width, window.width), y: at(top, height, window.height) } };
}
