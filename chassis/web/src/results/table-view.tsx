/** A table, a page at a time, sorted by the column whose head is pressed. */

import { useComputed, useSignal } from "@preact/signals";
import { IconButton } from "../ui/button";
import { counted } from "../ui/count";
import { lazy } from "../ui/lazy";
import { csv } from "./csv";
import { copy, download } from "./download";
import { shown, type Table } from "./shape";
import { next, sorted, type Sorting } from "./sorting";

const PAGE_ROWS = 100;
const COLUMNS_SHOWN_MAX = 100;
const CELL_CHARACTERS_MAX = 200;

const Plot = lazy(() => import("./plot").then((module) => module.Plot));

export function TableView({ table }: { table: Table }) {
  const sorting = useSignal<Sorting | null>(null);
  const page = useSignal(0);
  const plotted = useSignal(false);
  const positions = useComputed(() => sorted(table.data, table.rows, sorting.value));
  const pages = Math.max(1, Math.ceil(table.rows / PAGE_ROWS));
  const from = page.value * PAGE_ROWS;
  const rows = [...positions.value.subarray(from, from + PAGE_ROWS)];
  const columns = table.columns.slice(0, COLUMNS_SHOWN_MAX);
  const sort = (column: number) => {
    sorting.value = next(sorting.value, column);
    page.value = 0;
  };
  return (
    <section class="table" aria-label="Table">
      <div class="result-bar">
        <span class="muted">
          {counted(table.rows, "row")} × {counted(table.columns.length, "column")}
          {table.columns.length > columns.length && `, ${columns.length} shown`}
        </span>
        <span class="spring" />
        {table.numeric.some(Boolean) && table.rows > 1 && (
          <IconButton icon="plot" label={plotted.value ? "Hide plot" : "Plot"} pressed={plotted.value}
            onClick={() => (plotted.value = !plotted.value)} />
        )}
        <IconButton icon="copy" label="Copy table" onClick={() => void copy(csv(table, "\t"))} />
        <IconButton icon="download" label="Download CSV" onClick={() => download("table.csv", "text/csv", csv(table))} />
      </div>
      {plotted.value && <Plot table={table} />}
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Rows">
        <table>
          <thead>
            <tr>
              <th scope="col" class="index"><span class="sr">Index</span></th>
              {columns.map((column, number) => (
                <th key={number} scope="col" class={table.numeric[number] ? "number" : ""}
                  aria-sort={sorting.value?.column === number ? (sorting.value.descending ? "descending" : "ascending") : "none"}>
                  <button type="button" onClick={() => sort(number)}>
                    {column}
                    <span aria-hidden="true" class="sort-mark">
                      {sorting.value?.column === number ? (sorting.value.descending ? "↓" : "↑") : ""}
                    </span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row}>
                <th scope="row" class="index">{shown(table.index[row] ?? row)}</th>
                {columns.map((_, number) => <Cell key={number} value={table.data[number]?.[row]} number={table.numeric[number]!} />)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {pages > 1 && (
        <nav class="pages" aria-label="Pages">
          <IconButton icon="first" label="First page" disabled={page.value === 0} onClick={() => (page.value = 0)} />
          <IconButton icon="left" label="Previous page" disabled={page.value === 0} onClick={() => (page.value -= 1)} />
          <span class="muted">
            {(from + 1).toLocaleString()}–{(from + rows.length).toLocaleString()} of {table.rows.toLocaleString()}
          </span>
          <IconButton icon="right" label="Next page" disabled={page.value >= pages - 1} onClick={() => (page.value += 1)} />
          <IconButton icon="last" label="Last page" disabled={page.value >= pages - 1} onClick={() => (page.value = pages - 1)} />
        </nav>
      )}
    </section>
  );
} // prettier-ignore

function Cell({ value, number }: { value: unknown; number: boolean }) {
  const text = shown(value);
  const missing = value === null || value === undefined;
  return (
    <td class={`${number ? "number" : ""} ${missing ? "missing" : ""}`} title={text.length > 40 ? text : undefined}>
      {text.slice(0, CELL_CHARACTERS_MAX)}
    </td>
  );
}
