/** What a value is, as far as it can be shown better than as JSON. Pure. */

export interface Table {
  columns: string[];
  /** Whether the column's values are numbers: they are aligned right, and can be plotted. */
  numeric: boolean[];
  rows: number;
  /** A column's values, top to bottom. */
  data: unknown[][];
  index: unknown[];
}

interface FrameJson {
  columns: unknown[];
  dtypes: string[];
  index: unknown[];
  data: unknown[][];
  rows: number;
}

interface SeriesJson {
  name: unknown;
  dtype: string;
  index: unknown[];
  data: unknown[];
}

/** A frame, a series, or a list of objects that look alike; null for everything else. */
export function table(value: unknown): Table | null {
  if (isFrame(value)) {
    return {
      columns: value.columns.map(titled),
      numeric: value.dtypes.map((dtype) => /^(u?int|float|complex)/i.test(dtype)),
      rows: value.rows,
      data: value.data,
      index: value.index,
    };
  }
  if (isSeries(value)) {
    return {
      columns: [value.name === null ? "value" : titled(value.name)],
      numeric: [/^(u?int|float)/i.test(value.dtype)],
      rows: value.data.length,
      data: [value.data],
      index: value.index,
    };
  }
  return Array.isArray(value) ? records(value) : null;
}

const COLUMNS_MAX = 60;

function records(list: unknown[]): Table | null {
  if (list.length < 2 || !list.every(isPlain)) return null;
  const columns = [...new Set(list.slice(0, 1000).flatMap((each) => Object.keys(each)))];
  const first = Object.keys(list[0]!);
  const alike = list.filter((each) => first.every((key) => key in each)).length;
  if (columns.length === 0 || columns.length > COLUMNS_MAX || alike < list.length * 0.8) return null;
  const data = columns.map((column) => list.map((each) => each[column] ?? null));
  const numeric = data.map((values) => values.some(isNumber) && values.every((each) => each === null || isNumber(each)));
  return { columns, numeric, rows: list.length, data, index: list.map((_, row) => row) };
}

function isFrame(value: unknown): value is FrameJson {
  return (
    isPlain(value) && Array.isArray(value.columns) && Array.isArray(value.dtypes) && Array.isArray(value.data) &&
    Array.isArray(value.index) && typeof value.rows === "number" && value.data.length === value.columns.length
  ); // prettier-ignore
}

function isSeries(value: unknown): value is SeriesJson {
  return (
    isPlain(value) && typeof value.dtype === "string" && Array.isArray(value.index) && Array.isArray(value.data) &&
    "name" in value && value.index.length === value.data.length
  ); // prettier-ignore
}

export function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function titled(column: unknown): string {
  return Array.isArray(column) ? column.map(String).join(" · ") : String(column);
}

/** As a cell shows it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(8)));
  if (typeof value === "string") return value;
  return JSON.stringify(value);
}
