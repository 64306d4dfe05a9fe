/** What changed between two texts, line by line. Pure. */

export interface DiffLine {
  kind: "same" | "added" | "removed";
  text: string;
}

const LINES_MAX = 2000;

/** The longest common lines stay; of very long texts, only beginning and end are compared. */
export function diff(before: string, after: string): DiffLine[] {
  const from = before.split("\n");
  const to = after.split("\n");
  let start = 0;
  while (start < from.length && start < to.length && from[start] === to[start]) start += 1;
  let end = 0;
  while (end < from.length - start && end < to.length - start && from.at(-1 - end) === to.at(-1 - end)) end += 1;
  const same = (text: string): DiffLine => ({ kind: "same", text });
  return [
    ...from.slice(0, start).map(same),
    ...changed(from.slice(start, from.length - end), to.slice(start, to.length - end)),
    ...from.slice(from.length - end).map(same),
  ];
}

/** With three lines around each change, and a note of how many are left out between. */
export function folded(lines: DiffLine[], around = 3): (DiffLine | { kind: "skipped"; text: string })[] {
  const near = lines.map((_, at) => lines.slice(Math.max(0, at - around), at + around + 1).some((each) => each.kind !== "same"));
  const result: (DiffLine | { kind: "skipped"; text: string })[] = [];
  let skipped = 0;
  const note = () => {
    if (skipped) result.push({ kind: "skipped", text: `${skipped} unchanged lines` });
    skipped = 0;
  };
  lines.forEach((line, at) => {
    if (!near[at]) skipped += 1;
    else {
      note();
      result.push(line);
    }
  });
  note();
  return result;
}

function changed(from: string[], to: string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ kind: "removed", text });
  const added = (text: string): DiffLine => ({ kind: "added", text });
  if (from.length * to.length > LINES_MAX * LINES_MAX) return [...from.map(removed), ...to.map(added)];
  const common = lengths(from, to);
  const result: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < from.length && j < to.length) {
    if (from[i] === to[j]) {
      result.push({ kind: "same", text: from[i]! });
      [i, j] = [i + 1, j + 1];
    } else if (common[i + 1]![j]! >= common[i]![j + 1]!) result.push(removed(from[i++]!));
    else result.push(added(to[j++]!));
  }
  return [...result, ...from.slice(i).map(removed), ...to.slice(j).map(added)];
}

/** How many lines the rests of both have in common, from each pair of places. */
function lengths(from: string[], to: string[]): Uint16Array[] {
  const table = Array.from({ length: from.length + 1 }, () => new Uint16Array(to.length + 1));
  for (let i = from.length - 1; i >= 0; i--) {
    for (let j = to.length - 1; j >= 0; j--) {
      table[i]![j] = from[i] === to[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!);
    }
  }
  return table;
}
