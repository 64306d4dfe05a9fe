/** Which glyph feeds which. Pure. */

import type { Place } from "./place";

interface Fed {
  id: string;
  fed_by: string;
}

/** Whether what the first answers reaches the second, through however many others. */
export function feeds(glyphs: Fed[], first: string, second: string): boolean {
  const by = new Map(glyphs.map((each) => [each.id, each.fed_by]));
  for (let id: string | undefined = second; id; id = by.get(id)) if (id === first) return true;
  return false;
}

/** The line from the right edge of the one to the left edge of the other. */
export function curve(source: Place, target: Place): string {
  const from = { x: source.x + source.width, y: source.y + 20 };
  const to = { x: target.x, y: target.y + 20 };
  const bend = Math.max(32, Math.abs(to.x - from.x) / 2);
  return `M ${from.x} ${from.y} C ${from.x + bend} ${from.y}, ${to.x - bend} ${to.y}, ${to.x} ${to.y}`;
}
