/** A new glyph, in sight and ready to be written in. */

import { barred } from "../api/session";
import type { Glyph } from "../api/shapes";
import { complain } from "../shell/notices";
import { place } from "./glyphs";
import { reveal } from "./reveal";

export function placed(symbol: string, options: Partial<Glyph> = {}): void {
  const bar = barred("run");
  if (bar) complain(bar);
  else reveal(place(symbol, options).id);
}
