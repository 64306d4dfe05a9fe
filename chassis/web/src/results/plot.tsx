/** The numeric columns of a table over its index, drawn by uPlot. */

import { useLayoutEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Table } from "./shape";

const SERIES_MAX = 6;
const HEIGHT = 200;
const DATES_MIN = 0.9;

export function Plot({ table }: { table: Table }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current!;
    const chart = draw(element, table);
    const resized = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.destroy();
    };
  }, [table]);
  return <div class="plot" ref={box} role="img" aria-label={`Plot of ${table.columns.filter((_, n) => table.numeric[n]).slice(0, SERIES_MAX).join(", ")}`} />;
}

function draw(element: HTMLElement, table: Table): UPlot {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(name).trim();
  const drawn = table.columns.flatMap((label, number) => (table.numeric[number] ? [{ label, number }] : [])).slice(0, SERIES_MAX);
  const across = axis(table);
  const order = [...across.values.keys()].sort((one, other) => across.values[one]! - across.values[other]!);
  const data = [
    order.map((row) => across.values[row]!),
    ...drawn.map(({ number }) => order.map((row) => number_(table.data[number]![row]))),
  ];
  const axes = [{}, {}].map(() => ({
    stroke: of("--muted"),
    grid: { stroke: of("--line"), width: 1 },
    ticks: { stroke: of("--line"), width: 1 },
    font: "11px system-ui",
  }));
  const series = drawn.map(({ label }, position) => ({ label, stroke: of(`--series-${position + 1}`), width: 1.5, points: { show: table.rows < 60 } }));
  const options: UPlot.Options = {
    width: element.clientWidth || 400,
    height: HEIGHT,
    axes,
    series: [{ label: across.label }, ...series],
    scales: { x: { time: across.time } },
  };
  return new UPlot(options, data as UPlot.AlignedData, element);
}

/** The index where it is numbers or dates, else the row's position. */
function axis(table: Table): { values: number[]; time: boolean; label: string } {
  const numbers = table.index.map(number_);
  if (numbers.every((each) => each !== null)) return { values: numbers, time: false, label: "index" };
  const dates = table.index.map((each) => (typeof each === "string" ? Date.parse(each) / 1000 : NaN));
  if (dates.filter(Number.isFinite).length >= table.rows * DATES_MIN) return { values: dates, time: true, label: "time" };
  return { values: table.index.map((_, row) => row), time: false, label: "row" };
}

function number_(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
