/** How results are understood, sorted, compared and said. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { diff, folded } from "../src/panels/diff";
import { csv } from "../src/results/csv";
import { shown, table } from "../src/results/shape";
import { next, sorted } from "../src/results/sorting";
import { counted } from "../src/ui/count";
import { size } from "../src/ui/size";
import { ago, duration } from "../src/ui/time";

test("frames, series and lists of like objects are tables; other things are not", () => {
  const frame = { columns: ["a", ["b", 1]], dtypes: ["int64", "object"], index: [0], data: [[1], ["x"]], rows: 1 };

  assert.deepEqual(table(frame)?.columns, ["a", "b · 1"]);
  assert.deepEqual(table(frame)?.numeric, [true, false]);
  assert.deepEqual(table({ name: null, dtype: "float64", index: ["x"], data: [1.5] })?.columns, ["value"]);
  assert.deepEqual(table([{ a: 1 }, { a: 2, b: null }])?.data, [[1, 2], [null, null]]);
  assert.equal(table([{ a: 1 }, { b: 2 }]), null);
  assert.equal(table([1, 2]), null);
  assert.equal(table({ columns: "no" }), null);
}); // prettier-ignore

test("numbers sort as numbers, texts with their digits, and what is missing last either way", () => {
  const data = [[3, null, 10], ["b10", "b9", null]];
  const order = (column: number, descending: boolean) => [...sorted(data, 3, { column, descending })];

  assert.deepEqual(order(0, false), [0, 2, 1]);
  assert.deepEqual(order(0, true), [2, 0, 1]);
  assert.deepEqual(order(1, false), [1, 0, 2]);
  assert.deepEqual([...sorted(data, 3, null)], [0, 1, 2]);
}); // prettier-ignore

test("a head is pressed for up, for down, and for as it came", () => {
  const up = next(null, 1);
  const down = next(up, 1);

  assert.deepEqual([up, down, next(down, 1)], [{ column: 1, descending: false }, { column: 1, descending: true }, null]);
  assert.deepEqual(next(down, 0), { column: 0, descending: false });
});

test("what has a comma, a quote or a line in it is quoted in CSV", () => {
  const told = csv({ columns: ["a", 'b"'], numeric: [false, false], rows: 2, data: [["x,y", null], ["1\n2", { k: 1 }]], index: [0, 1] });

  assert.equal(told, ',a,"b"""\n0,"x,y","1\n2"\n1,,"{""k"":1}"\n');
});

test("cells show what is missing, and no more digits than mean anything", () => {
  assert.equal(shown(null), "–");
  assert.equal(shown(0.1 + 0.2), "0.3");
  assert.equal(shown({ a: 1 }), '{"a":1}');
});

test("a difference keeps what is common and folds what is far from it", () => {
  const before = Array.from({ length: 20 }, (_, line) => `line ${line}`);
  const after = before.with(10, "changed");

  const lines = folded(diff(before.join("\n"), after.join("\n")));

  assert.deepEqual(lines.filter(({ kind }) => kind !== "same").map(({ kind, text }) => `${kind} ${text}`), [
    "skipped 7 unchanged lines", "removed line 10", "added changed", "skipped 6 unchanged lines",
  ]);
  assert.equal(diff("a\nb", "a\nb").every(({ kind }) => kind === "same"), true);
}); // prettier-ignore

test("times and sizes are said as people say them", () => {
  assert.deepEqual([duration(12), duration(1500), duration(61_000), duration(3_660_000)], ["12 ms", "1.5 s", "1 min 1 s", "1 h 1 min"]);
  assert.equal(ago(1000, 2000), "now");
  assert.match(ago(0, 3 * 60_000), /3/);
  assert.deepEqual([size(0), size(1536), size(300 * 1024 * 1024)], ["0 B", "1.5 KiB", "300 MiB"]);
});

test("there are several rows, and there is one row", () => {
  assert.deepEqual([0, 1, 1000].map((count) => counted(count, "row")), ["0 rows", "1 row", "1,000 rows"]);
  assert.equal(counted(2, "process", "processes"), "2 processes");
});
