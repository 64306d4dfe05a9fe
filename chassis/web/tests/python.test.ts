/** What of a traceback is the glyph's own, and what is typed after ix. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Script } from "../src/api/shapes";
import { examples, suggestions, typed, written } from "../src/ix/line";
import { flowing } from "../src/python/docstring";
import { printed } from "../src/python/printed";
import { hint } from "../src/python/templates";
import { failure } from "../src/python/traceback";

const TRACEBACK = `Traceback (most recent call last):
  File "<glyph>", line 7, in <module>
    outer()
  File "<glyph>", line 3, in outer
    json.loads("{")
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes
`;

const script = (name: string, more: Partial<Script> = {}): Script => ({ name, code: "", glyph: "py", version: 1, description: "", ...more }) as Script;

test("the line that failed is the innermost one of the glyph's own", () => {
  assert.deepEqual(failure(TRACEBACK), { line: 3, message: "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes" });
});

test("a syntax error marks its line, and what has no line marks none", () => {
  assert.equal(failure('  File "<glyph>", line 2\n    x = = 1\nSyntaxError: invalid syntax')?.line, 2);
  assert.equal(failure("timed out after 5 s"), null);
  assert.equal(failure(null), null);
  assert.equal(failure(`${TRACEBACK}  File "<frozen genericpath>", line 50, in getsize`)?.line, 3);
});

test("ix itself may be typed before the type", () => {
  assert.equal(typed("  ix csv data.csv"), "csv");
  assert.equal(typed("csv"), "csv");
  assert.equal(typed("ixtype x"), "ixtype");
  assert.equal(written("ix  csv a b "), "ix csv a b");
  assert.equal(written("csv a"), "ix csv a");
});

test("types that begin with what is typed come first, and none is suggested behind it", () => {
  const scripts = [script("my-csv"), script("csv"), script("fasta")];

  assert.deepEqual(suggestions(scripts, "cs").map(({ type }) => type), ["csv", "my-csv"]);
  assert.deepEqual(suggestions(scripts, "csv ").map(({ type }) => type), []);
  assert.deepEqual(suggestions(scripts, "ix ").map(({ type }) => type), ["csv", "fasta", "my-csv", "https://…"]);
}); // prettier-ignore

test("a suggestion says what the script does, where it runs and which version it is", () => {
  const [told] = suggestions([script("a", { code: '"""Counts letters."""\n', glyph: "py:bio", version: 0 })], "a");

  assert.equal(told?.about, "Counts letters. · py:bio · built in");
});

test("examples name types that there are", () => {
  assert.equal(examples([script("csv"), script("fasta"), script("x")]), "ix csv data.csv, or fasta data.fasta");
  assert.equal(examples([]), "ix TYPE INPUT");
});

test("a hint suits the glyph, and says what upstream is where it is fed", () => {
  assert.match(hint("py:bio", false), /Bio/);
  assert.match(hint("py:unheard-of", false), /print/);
  assert.match(hint("py:data", true), /^upstream/);
});

test("what only a terminal understands is not shown, and what was written over is shown as it was last", () => {
  assert.equal(printed("plain ✓\tand\ntabs"), "plain ✓\tand\ntabs");
  assert.equal(printed("\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b]8;;javascript:alert(1)\x1b\\link"), "red link");
  assert.equal(printed("10 %\r50 %\r100 %\r\ndone\r\nover\r"), "100 %\ndone\nover");
  assert.equal(printed("a\x00b\x07\x7f"), "a␀b␇␡");
});

test("documentation flows, and its examples stand as they are", () => {
  assert.equal(flowing("Says it\nall.\n\nMore of\nit:\n\n    one()\n    two()\n"), "Says it all.\n\nMore of it:\n\n    one()\n    two()");
});
