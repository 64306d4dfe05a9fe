/** Where glyphs lie. Pure. */

export const GRID = 8;
export const WIDTH_MIN = 35 * GRID;
export const HEIGHT_MIN = 15 * GRID;
const GAP = 5 * GRID;
const MARGIN = 4 * GRID;
const ROW_WIDTH = 170 * GRID;

export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

export function snapped(place: Partial<Place>): Partial<Place> {
  const to = (value: number, least: number) => Math.max(least, Math.round(value / GRID) * GRID);
  const result: Partial<Place> = {};
  if (place.x !== undefined) result.x = to(place.x, 0);
  if (place.y !== undefined) result.y = to(place.y, 0);
  if (place.width !== undefined) result.width = to(place.width, WIDTH_MIN);
  if (place.height !== undefined) result.height = to(place.height, HEIGHT_MIN);
  return result;
}

/** The first spot that is free: right of the source, or along rows from the top left. */
export function beside(taken: Place[], size: Pick<Place, "width" | "height">, source?: Place): { x: number; y: number } {
  const start = source ? { x: source.x + source.width + GAP, y: source.y } : { x: MARGIN, y: MARGIN };
  let { x, y } = start;
  for (;;) {
    const hit = taken.find((each) => overlap(each, { x, y, ...size }));
    if (!hit) return { x, y };
    x = hit.x + hit.width + GAP;
    if (source || x + size.width > ROW_WIDTH) {
      x = start.x;
      y = Math.max(y, hit.y + hit.height) + GAP;
    }
  }
}

export function extent(places: Place[]): { width: number; height: number } {
  return {
    width: Math.max(0, ...places.map((each) => each.x + each.width)),
    height: Math.max(0, ...places.map((each) => each.y + each.height)),
  };
}

function overlap(one: Place, other: Place): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}
