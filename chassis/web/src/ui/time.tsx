/** Times and durations, as people say them. */

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const WEEK_MS = 7 * 86_400_000;

export function ago(time: number, now = Date.now()): string {
  const passed = time - now;
  if (Math.abs(passed) > WEEK_MS) return new Date(time).toLocaleDateString(undefined, { dateStyle: "medium" });
  for (const [unit, ms] of UNITS) if (Math.abs(passed) >= ms) return relative.format(Math.round(passed / ms), unit);
  return Math.abs(passed) < 5000 ? "now" : relative.format(Math.round(passed / 1000), "second");
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  if (hours === 0) return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
  return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
}

export function Time({ at }: { at: string | number | null | undefined }) {
  if (!at) return <span class="muted">never</span>;
  const time = typeof at === "number" ? at : Date.parse(at);
  return (
    <time dateTime={new Date(time).toISOString()} title={new Date(time).toLocaleString()}>
      {ago(time)}
    </time>
  );
}
