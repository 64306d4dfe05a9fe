/** Where glyphs lie, how large they are shown, and what feeds what. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { curve, feeds } from "../src/canvas/meld";
import { merged } from "../src/canvas/merge";
import { beside, extent, GRID, HEIGHT_MIN, snapped, WIDTH_MIN } from "../src/canvas/place";
import { fitted, kept, stepped, wheeled, ZOOM_MAX, ZOOM_MIN } from "../src/canvas/zoom";

const size = { width: 400, height: 300 };
const at = (x: number, y: number) => ({ x, y, ...size });

test("a glyph feeds those behind the one it feeds, and itself", () => {
  const chain = [{ id: "a", fed_by: "" }, { id: "b", fed_by: "a" }, { id: "c", fed_by: "b" }];

  assert.equal(feeds(chain, "a", "c"), true);
  assert.equal(feeds(chain, "a", "a"), true);
  assert.equal(feeds(chain, "c", "a"), false);
}); // prettier-ignore

test("the line of a meld goes from the right edge to the left edge", () => {
  assert.match(curve(at(0, 0), at(500, 100)), /^M 400 20 C .* 500 120$/);
});

test("places snap to the grid and are never off the canvas or too small", () => {
  assert.deepEqual(snapped({ x: -30, y: 13 }), { x: 0, y: 2 * GRID });
  assert.deepEqual(snapped({ width: 1, height: 1 }), { width: WIDTH_MIN, height: HEIGHT_MIN });
});

test("a new glyph covers none, and lies right of the one that feeds it", () => {
  const first = beside([], size);
  const second = beside([at(first.x, first.y)], size);
  const fed = beside([at(32, 32)], size, at(32, 32));
  const below = beside([at(32, 32), at(fed.x, fed.y)], size, at(32, 32));

  assert.deepEqual(first, { x: 32, y: 32 });
  assert.ok(second.x >= first.x + size.width);
  assert.deepEqual(fed, { x: 32 + 400 + 40, y: 32 });
  assert.equal(below.x, fed.x);
  assert.ok(below.y >= fed.y + size.height);
});

test("the canvas reaches to the farthest edges", () => {
  assert.deepEqual(extent([at(10, 500), at(900, 0)]), { width: 1300, height: 800 });
  assert.deepEqual(extent([]), { width: 0, height: 0 });
});

test("zooming steps up and down and stops at the ends", () => {
  assert.equal(stepped(1, 1), 1.25);
  assert.equal(stepped(0.78, -1), 0.67);
  assert.equal(stepped(ZOOM_MAX, 1), ZOOM_MAX);
  assert.equal(stepped(ZOOM_MIN, -1), ZOOM_MIN);
  assert.equal(wheeled(1, 100_000), ZOOM_MIN);
  assert.ok(wheeled(1, -100) > 1);
});

test("what lies under the pointer stays there when it is zoomed", () => {
  const before = { x: 100, y: 40 };
  const point = { x: 300, y: 200 };

  const after = kept(before, point, 1, 2);

  assert.deepEqual([(after.x + point.x) / 2, (after.y + point.y) / 2], [before.x + point.x, before.y + point.y]);
});

test("all glyphs fit in sight, and few are not blown up", () => {
  const { zoom, scroll } = fitted([at(0, 0), at(3600, 1700)], { width: 1000, height: 700 });

  assert.ok(4000 * zoom <= 1000 && 2000 * zoom <= 700);
  assert.deepEqual(scroll, { x: 0, y: 0 });
  assert.equal(fitted([at(2000, 2000)], { width: 1000, height: 700 }).zoom, 1);
  assert.deepEqual(fitted([at(2000, 2000)], { width: 1000, height: 700 }).scroll, { x: 1700, y: 1800 });
  assert.equal(fitted([], { width: 1000, height: 700 }).zoom, 1);
});

const glyph = { id: "g", symbol: "py", title: "", x: 0, y: 0, width: 400, height: 300, content: "1", timeout_seconds: null, fed_by: "" };

test("of a glyph that was changed on both sides each change stays, as long as it is not of the same text", () => {
  const met = merged(glyph, { ...glyph, content: "mine" }, { ...glyph, x: 80, title: "theirs" }, false);

  assert.deepEqual(met, { glyph: { ...glyph, content: "mine", x: 80, title: "theirs" }, torn: false });
});

test("a text that was written on both sides stays as it was written here, and torn until both are the same", () => {
  const mine = { ...glyph, content: "mine" };
  const theirs = { ...glyph, content: "theirs" };

  assert.deepEqual(merged(glyph, mine, theirs, false), { glyph: mine, torn: true });
  assert.deepEqual(merged(theirs, mine, { ...theirs, x: 8 }, true), { glyph: { ...mine, x: 8 }, torn: true });
  assert.deepEqual(merged(theirs, mine, mine, true), { glyph: mine, torn: false });
  assert.deepEqual(merged(glyph, mine, mine, false), { glyph: mine, torn: false });
  assert.deepEqual(merged(glyph, glyph, theirs, false), { glyph: theirs, torn: false });
});
