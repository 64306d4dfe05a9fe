/** What becomes of a glyph that was changed here and elsewhere. Pure. */

import type { Glyph } from "../api/shapes";

export interface Merged {
  glyph: Glyph;
  /** Its text was changed on both sides: this one's is kept, and the other is there to be taken. */
  torn: boolean;
}

/**
 * What was changed here stays, everything else is as it is elsewhere. `torn` is whether the text was torn before: it stays
 * so until both are the same, or somebody has chosen.
 */
export function merged(base: Glyph, mine: Glyph, theirs: Glyph, torn: boolean): Merged {
  const changed = Object.fromEntries(fields(mine).filter((field) => mine[field] !== base[field]).map((field) => [field, mine[field]]));
  const glyph = { ...theirs, ...changed, ...(torn ? { content: mine.content } : {}) };
  const both = mine.content !== base.content && theirs.content !== base.content;
  return { glyph, torn: (torn || both) && mine.content !== theirs.content };
} // prettier-ignore

export function same(one: Glyph, other: Glyph): boolean {
  return fields(one).every((field) => one[field] === other[field]);
}

function fields(glyph: Glyph): (keyof Glyph)[] {
  return Object.keys(glyph) as (keyof Glyph)[];
}
