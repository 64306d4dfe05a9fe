/** The order of a table's rows. Pure. */

export interface Sorting {
  column: number;
  descending: boolean;
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** Positions of the rows; what is missing comes last, either way. */
export function sorted(data: unknown[][], rows: number, sorting: Sorting | null): Uint32Array {
  const positions = Uint32Array.from({ length: rows }, (_, row) => row);
  const values = sorting ? data[sorting.column] : undefined;
  if (!sorting || !values) return positions;
  const direction = sorting.descending ? -1 : 1;
  return positions.sort((one, other) => compare(values[one], values[other], direction) || one - other);
}

/** First up, then down, then as it came. */
export function next(sorting: Sorting | null, column: number): Sorting | null {
  if (sorting?.column !== column) return { column, descending: false };
  return sorting.descending ? null : { column, descending: true };
}

function compare(one: unknown, other: unknown, direction: number): number {
  const missing = Number(one === null || one === undefined) - Number(other === null || other === undefined);
  if (missing) return missing;
  if (typeof one === "number" && typeof other === "number") return (one - other) * direction;
  return collator.compare(text(one), text(other)) * direction;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}
